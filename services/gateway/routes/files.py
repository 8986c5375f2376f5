# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""The files that a job made."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import structlog
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter

from events.catalogue import Artifact
from services.artifacts import ArtifactError, ArtifactGoneError
from services.gateway.access import asks
from services.gateway.file_headers import (
    MEDIA_TYPES,
    RangeError,
    content_type,
    headers_of,
    is_current,
    is_known,
    part_of,
)
from services.gateway.lookup import GivenJobId, checked_id, find_job
from services.gateway.media_types import also
from services.gateway.parts import GivenParts, Parts
from services.gateway.problems import Problem, protected, unavailable

_log = structlog.get_logger(__name__)


@get(
    "/jobs/{job_id:str}/files/{name:str}",
    summary="Fetch a file",
    media_type="application/octet-stream",
    opt=asks("read"),
    operation_class=also(MEDIA_TYPES, statuses=(HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)),
    responses={
        HTTPStatus.NOT_MODIFIED: ResponseSpec(data_container=None, description="You have it already."),
        HTTPStatus.PARTIAL_CONTENT: ResponseSpec(
            data_container=bytes,
            description="The part asked for.",
            media_type="application/octet-stream",
        ),
        **protected(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.GONE,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        ),
    },
)
async def file(
    job_id: GivenJobId,
    name: FromPath[str],
    parts: GivenParts,
    *,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
    byte_range: Annotated[str | None, HeaderParameter(name="Range")] = None,
    if_range: Annotated[str | None, HeaderParameter(name="If-Range")] = None,
) -> Response[bytes]:
    """An artifact of the job's successful attempt, byte for byte, or one part of it."""
    job = await find_job(checked_id(job_id), parts)
    artifacts = {artifact.name: artifact for artifact in (job.result.artifacts if job.result else ())}
    if name not in artifacts:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-file", "The job has left no such file.")
    artifact = artifacts[name]
    headers = headers_of(artifact)
    if is_known(artifact, if_none_match):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        part = part_of(artifact.bytes, byte_range) if is_current(artifact, if_range) else None
    except RangeError:
        raise Problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "no-such-bytes",
            f"The file has {artifact.bytes} bytes.",
            headers={"Content-Range": f"bytes */{artifact.bytes}"},
        ) from None
    data = await _fetched(artifact, parts)
    if part is None:
        return Response(data, media_type=content_type(name), headers=headers)
    return Response(
        data[part.start : part.stop],
        status_code=HTTPStatus.PARTIAL_CONTENT,
        media_type=content_type(name),
        headers=headers | {"Content-Range": f"bytes {part.start}-{part.stop - 1}/{artifact.bytes}"},
    )


async def _fetched(artifact: Artifact, parts: Parts) -> bytes:
    """The whole file, its digest checked: a part can only be believed with the rest."""
    try:
        return await parts.link.fetch(artifact)
    except ArtifactGoneError as error:
        raise Problem(HTTPStatus.GONE, "file-gone", "The file is not kept any more.") from error
    except ArtifactError as error:
        _log.error("artifact_unreadable", name=artifact.name, error=str(error))
        raise unavailable("The file cannot be read from the store now.") from error
