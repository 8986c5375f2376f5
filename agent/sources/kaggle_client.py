"""The real Kaggle client, opened without side effects, and what its failures mean for an attempt.

It is the client that the package `kaggle` itself is built on and brings along (kagglesdk): importing
`kaggle` signs in, may ask the production site about a token, creates a folder in the home, and may call
exit().
"""

from __future__ import annotations

import functools
import json
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
import requests
from kagglesdk.kaggle_client import KaggleClient
from kagglesdk.kaggle_env import KaggleEnv

from agent.errors import CompetitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

T = TypeVar("T")

Step: TypeAlias = Literal["look_up", "list_files", "download", "submit"]

_TEXT_CHARS_MAX: Final = 300


class KaggleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks Kaggle, where Kaggle is, and how much may be fetched.

    `endpoint` takes the place of https://api.kaggle.com.  `timeout_s` is the longest silence on a
    connection; a request is tried `tries` times, and a wait that Kaggle asks for is kept to up to
    `wait_s_max` (a longer one is left to the scheduler).
    """

    username: str | None = None
    key: str | None = None
    endpoint: str | None = None
    bytes_max: int = 20 * 10**9
    timeout_s: float = 60.0
    tries: int = 5
    wait_s_max: float = 60.0

    def __repr__(self) -> str:
        return f"KaggleSettings(username={self.username!r}, key=<hidden>, endpoint={self.endpoint!r})"


def kaggle_settings(environ: Mapping[str, str]) -> KaggleSettings:
    """The settings that an environment holds (``KAGGLE_*``, ``PODIUM_DATA_BYTES_MAX``).

    Raises CompetitionError ``bad_setting`` where the size limit is not a positive whole number.
    """
    bytes_max = environ.get("PODIUM_DATA_BYTES_MAX", "").strip() or str(KaggleSettings().bytes_max)
    if not bytes_max.isascii() or not bytes_max.isdigit() or int(bytes_max) == 0:
        message = (
            f"PODIUM_DATA_BYTES_MAX is {bytes_max[:40]!r}: write a number of bytes, such as 20000000000."
        )
        raise CompetitionError("bad_setting", message)
    return KaggleSettings(
        username=environ.get("KAGGLE_USERNAME", "").strip() or None,
        key=environ.get("KAGGLE_KEY", "").strip() or None,
        endpoint=environ.get("KAGGLE_API_ENDPOINT", "").strip().rstrip("/") or None,
        bytes_max=int(bytes_max),
    )


class CutShortError(Exception):
    """A transfer ended before its last byte; what came is kept, and the rest can be asked for."""


@contextmanager
def open_client(settings: KaggleSettings) -> Iterator[Any]:
    """Kaggle's competition API (kagglesdk's CompetitionApiClient), signed in by user name and key.

    Raises CompetitionError ``kaggle_credentials_missing``.
    """
    if not settings.username or not settings.key:
        message = "Kaggle credentials are missing: set KAGGLE_USERNAME and KAGGLE_KEY."
        raise CompetitionError("kaggle_credentials_missing", message)
    client = KaggleClient(
        env=KaggleEnv.PROD, username=settings.username, password=settings.key, user_agent="podium"
    )
    http = client.http_client()
    if settings.endpoint:
        http._endpoint = settings.endpoint  # noqa: SLF001 - the client has no public way to be pointed elsewhere
    with client:
        session = http._session  # noqa: SLF001 - nor to be given a time limit, without which it waits for ever
        session.send = functools.partial(session.send, timeout=settings.timeout_s)
        session.auth = (settings.username, settings.key)  # a token file in the home must not take their place
        yield client.competitions.competition_api_client


class Caller:
    """Makes one request of Kaggle at a time, with a few tries, and turns failures into our errors."""

    def __init__(
        self,
        competition: str,
        settings: KaggleSettings,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._competition = competition
        self._settings = settings
        self._sleep = sleep
        self._clock = clock

    def call(self, step: Step, request: Callable[[], T]) -> T:
        """The answer to `request`, which is repeated where another try may help.

        Raises CompetitionError: see `refusal`; ``kaggle_unavailable`` (retryable) when the tries are used
        up, or when Kaggle asks for a longer wait than `wait_s_max`.
        """
        for tried in range(1, self._settings.tries + 1):
            try:
                return request()
            except (requests.RequestException, CutShortError, json.JSONDecodeError) as error:
                failure = error
            response = _response(failure)
            if response is not None and not passing(_status(response), redirected=bool(response.history)):
                text = str(failure)[:_TEXT_CHARS_MAX]
                raise refusal(step, _status(response), text, self._competition) from failure
            wait_s = self._wait_s(tried, response)
            if wait_s > self._settings.wait_s_max or tried == self._settings.tries:
                break
            self._sleep(wait_s)
        message = f"Kaggle did not answer as it should, {tried} times: {str(failure)[:_TEXT_CHARS_MAX]}"
        raise CompetitionError("kaggle_unavailable", message, retryable=True) from failure

    def _wait_s(self, tried: int, response: requests.Response | None) -> float:
        asked = None if response is None else response.headers.get("Retry-After")
        return max(0.5 * 2.0**tried, retry_after_s(asked, self._clock()))


def refusal(step: Step, status: int, text: str, competition: str) -> CompetitionError:
    """What Kaggle's final answer `status` (400..499) to a request of `step` means.

    A key that is good for `look_up` is good: a 403 later on is about the competition, and Kaggle gives it
    to those who have not accepted its rules (often without a word of them).
    """
    page = f"https://www.kaggle.com/competitions/{competition}"
    if status == requests.codes.unauthorized or (status == requests.codes.forbidden and step == "look_up"):
        message = f"Kaggle refused the credentials in KAGGLE_USERNAME and KAGGLE_KEY ({text})."
        return CompetitionError("kaggle_credentials_refused", message)
    if status == requests.codes.forbidden:
        message = f"Accept the competition's rules at {page}/rules, then try again ({text})."
        return CompetitionError("rules_not_accepted", message)
    if status == requests.codes.not_found and step != "download":
        return CompetitionError("competition_not_found", f"Kaggle has no competition at {page} ({text}).")
    return CompetitionError("kaggle_refused", f"Kaggle refused the request, status {status} ({text}).")


def passing(status: int, *, redirected: bool) -> bool:
    """Whether a failure may pass by itself.

    A file's signed address (where a download is redirected to) also answers 400 and 403 once it is stale.
    """
    return redirected or status >= 500 or status in (408, 429)


def retry_after_s(header: str | None, now: datetime) -> float:
    """The seconds that a ``Retry-After`` header (seconds, or a date) asks for; 0 where it asks nothing.

    Source: RFC 9110, 10.2.3.
    """
    if header is None:
        return 0.0
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _response(failure: Exception) -> requests.Response | None:
    return failure.response if isinstance(failure, requests.RequestException) else None


def _status(response: requests.Response) -> int:
    """The HTTP status, or the code in the body where Kaggle answers an error with status 200."""
    if response.status_code >= 400:
        return response.status_code
    return int(response.json()["code"])
