"""For the OpenAPI document: answers that come as one of several media types, which Litestar cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Schema
from litestar.openapi.spec.response import OpenAPIResponse

if TYPE_CHECKING:
    from collections.abc import Iterable


def also(
    media_types: Iterable[str], *, statuses: tuple[HTTPStatus, ...] = (HTTPStatus.OK,)
) -> type[Operation]:
    """The class of an operation whose answers with those statuses may have these media types, too."""
    more = {
        name: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)) for name in sorted(set(media_types))
    }

    @dataclass
    class Answering(Operation):
        def __post_init__(self) -> None:
            for status in statuses:
                response = (self.responses or {})[str(status.value)]
                assert isinstance(response, OpenAPIResponse)
                response.content = {**(response.content or {}), **more}

    return Answering
