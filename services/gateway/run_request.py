"""What a client asks for when it submits a competition, decoded strictly: as JSON and nothing else."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from events.catalogue import Priority
from services.gateway.problems import FieldError, Problem
from services.gateway.view import TAG_PATTERN

BUDGET_S_MIN: Final = 30
BUDGET_S_MAX: Final = 86_400
TIME_LIMIT_S_MIN: Final = 60
SUBMITTER_CHARS_MAX: Final = 100
TAGS_MAX: Final = 10
DOLLARS_MAX: Final = 1000

_AT_FIELD: Final = re.compile(r"(.*) - at `\$\.(.*)`", re.DOTALL)
_BUDGET_S: Final = msgspec.Meta(ge=BUDGET_S_MIN, le=BUDGET_S_MAX)
_TIME_LIMIT_S: Final = msgspec.Meta(ge=TIME_LIMIT_S_MIN)

# No "$", which would let a line's end through.
_Tag = Annotated[str, msgspec.Meta(pattern=TAG_PATTERN.removesuffix("$") + r"\Z")]


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to solve, how long an attempt should and may take, how soon it is wanted, and by whom.

    `submitter` is whoever the caller says it is; an operator may cap how many attempts of each run at once,
    counted by API key where there is one.  `tags` are words to find the job by.  `webhook_url` is told how
    the job ends, and with `webhook_stages` of its stages, too.  With `submit` the answer is submitted to
    Kaggle.  `dollars_max` is what calls to a language model may cost.
    """

    kaggle_url: str
    budget_s: Annotated[int, _BUDGET_S] | Annotated[float, _BUDGET_S] | None = None
    time_limit_s: Annotated[int, _TIME_LIMIT_S] | Annotated[float, _TIME_LIMIT_S] | None = None
    priority: Priority = "normal"
    submitter: Annotated[str, msgspec.Meta(min_length=1, max_length=SUBMITTER_CHARS_MAX)] | None = None
    tags: Annotated[tuple[_Tag, ...], msgspec.Meta(max_length=TAGS_MAX)] = ()
    webhook_url: str | None = None
    webhook_stages: bool = False
    submit: bool = False
    dollars_max: Annotated[float, msgspec.Meta(ge=0, le=DOLLARS_MAX)] | None = None


_decoder = msgspec.json.Decoder(RunRequest)


def decode(media_type: str, body: bytes) -> RunRequest:
    """What a client asks for.

    Raises:
        Problem: 415, 400 or 422: it is not sent as JSON, is none, or is not such a request.
    """
    if media_type != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Send JSON, as application/json."
        )
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise unprocessable(*_where(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed-json", f"The body is not JSON: {error}.") from error


def whole(field: str, given: float | None) -> int | None:
    """A time as an integer: in JSON, 300.0 is the same number as 300.

    Raises:
        Problem: 422, it is a fraction.
    """
    if given is not None and given != int(given):
        raise unprocessable(field, "should be a whole number of seconds")
    return None if given is None else int(given)


def unprocessable(field: str, message: str) -> Problem:
    """422: what is wrong with a field, or with all of it ("")."""
    detail = f"{field}: {message}" if field else message
    error = FieldError(field=field, message=message)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=[error])


def _where(message: str) -> tuple[str, str]:
    """Field and message in msgspec's words: ``Expected `int`, got `str` - at `$.budget_s```."""
    found = _AT_FIELD.fullmatch(message)
    return (found[2], found[1]) if found else ("", message)
