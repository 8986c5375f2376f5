"""For the OpenAPI document: the body of a submit, as strict as it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from events.catalogue import Priority
from services.gateway.run_request import (
    BUDGET_S_MAX,
    BUDGET_S_MIN,
    DOLLARS_MAX,
    SUBMITTER_CHARS_MAX,
    TAGS_MAX,
    TIME_LIMIT_S_MIN,
)
from services.gateway.view import TAG_PATTERN
from services.gateway.webhook_url import CHARS_MAX, PATTERN

_EXAMPLE: Final = {"kaggle_url": "https://www.kaggle.com/competitions/titanic"}


@dataclass
class RunOperation(Operation):
    """Of a handler that decodes its body by itself."""

    def __post_init__(self) -> None:
        url = Schema(type=OpenAPIType.STRING, description="The competition's page, or local:<slug>.")
        budget = Schema(
            type=[OpenAPIType.INTEGER, OpenAPIType.NULL],
            minimum=BUDGET_S_MIN,
            maximum=BUDGET_S_MAX,
            description="How long an attempt should take, in seconds.",
        )
        time_limit = Schema(
            type=[OpenAPIType.INTEGER, OpenAPIType.NULL],
            minimum=TIME_LIMIT_S_MIN,
            description="When an attempt is stopped, in seconds; at most the operator's own limit.",
        )
        priority = Schema(
            type=OpenAPIType.STRING,
            enum=list(get_args(Priority)),
            default="normal",
            description="Higher ones start first, always; running attempts are left alone.",
        )
        submitter = Schema(
            type=[OpenAPIType.STRING, OpenAPIType.NULL],
            min_length=1,
            max_length=SUBMITTER_CHARS_MAX,
            description="On whose behalf, for servers that cap the running attempts of each.",
        )
        tags = Schema(
            type=OpenAPIType.ARRAY,
            items=Schema(type=OpenAPIType.STRING, pattern=TAG_PATTERN),
            max_items=TAGS_MAX,
            description="Words to find the job by; one that is given twice counts once.",
        )
        webhook_url = Schema(
            type=[OpenAPIType.STRING, OpenAPIType.NULL],
            max_length=CHARS_MAX,
            pattern=PATTERN,
            description="Told how the job ends, signed by the secret of POST /webhooks/secret.",
        )
        webhook_stages = Schema(
            type=OpenAPIType.BOOLEAN, default=False, description="It is told of stages, too."
        )
        submit = Schema(
            type=OpenAPIType.BOOLEAN,
            default=False,
            description="Submit the answer to Kaggle, once, and wait for its score.",
        )
        dollars_max = Schema(
            type=[OpenAPIType.NUMBER, OpenAPIType.NULL],
            minimum=0,
            maximum=DOLLARS_MAX,
            description="What calls to a language model may cost in all; at most the operator's limit.",
        )
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "kaggle_url": url,
                "budget_s": budget,
                "time_limit_s": time_limit,
                "priority": priority,
                "submitter": submitter,
                "tags": tags,
                "webhook_url": webhook_url,
                "webhook_stages": webhook_stages,
                "submit": submit,
                "dollars_max": dollars_max,
            },
            required=["kaggle_url"],
            additional_properties=False,
            schema_if=Schema(properties={"webhook_stages": Schema(const=True)}, required=["webhook_stages"]),
            then=Schema(
                properties={"webhook_url": Schema(type=OpenAPIType.STRING)}, required=["webhook_url"]
            ),
            examples=[_EXAMPLE],
        )
        self.request_body = RequestBody(
            required=True, content={"application/json": OpenAPIMediaType(schema=schema)}
        )
