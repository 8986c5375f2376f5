"""Submits an answer to Kaggle, once, and waits for its score.

The submission is described by a name that only one job has.  Whoever submits looks for that name first, so
an attempt that follows on a lost one, or a request whose answer was lost, does not submit a second time: a
team has but a few submissions a day.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import requests
from kagglesdk.competitions.types.competition_api_service import (
    ApiCreateSubmissionRequest,
    ApiListSubmissionsRequest,
    ApiStartSubmissionUploadRequest,
    ApiSubmission,
)
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from msgspec import structs

from agent.errors import CompetitionError
from agent.sources.kaggle_client import Caller, KaggleSettings, open_client
from events.progress import Submitted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TRIES: Final = 3
_LOOK_S: Final = 3.0
_PAGE: Final = 100
_WORDS_MAX: Final = 300


def submit(
    path: Path,
    competition: str,
    *,
    name: str,
    settings: KaggleSettings,
    until: float,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Submitted:
    """Submit the file `path` under the description `name` and wait for the score up to `until` (monotonic).

    What Kaggle refuses is told, never raised: the job has its answer without it.
    Source: kaggle's `competition_submit`, which does the same three requests.
    """
    with_patience = Caller(competition, settings, sleep=sleep, clock=_now)
    once = Caller(competition, structs.replace(settings, tries=1), sleep=sleep, clock=_now)
    try:
        with open_client(settings) as api:
            desk = _Desk(api, competition, name, with_patience, once)
            found = desk.submitted(path, sleep)
            while found.status is SubmissionStatus.PENDING and monotonic() + _LOOK_S < until:
                sleep(_LOOK_S)
                found = desk.find() or found
    except CompetitionError as error:
        return Submitted(outcome="refused", public_score=None, message=error.message)
    return _told(found)


class _Desk:
    """The submissions of one competition."""

    def __init__(self, api: Any, competition: str, name: str, with_patience: Caller, once: Caller) -> None:
        self._api = api
        self._competition = competition
        self._name = name
        self._with_patience = with_patience
        self._once = once

    def submitted(self, path: Path, sleep: Callable[[float], None]) -> ApiSubmission:
        """The submission of that name, made where there is none yet."""
        failure = CompetitionError("kaggle_unavailable", "Kaggle took the file but does not show it.")
        for tried in range(1, _TRIES + 1):
            if found := self.find():
                return found
            try:
                self._create(path)
            except CompetitionError as error:
                if not error.retryable:
                    raise
                failure = error
            if found := self.find():
                return found
            sleep(2.0**tried)
        raise failure

    def find(self) -> ApiSubmission | None:
        """The newest submission of that name, None where there is none."""
        request = ApiListSubmissionsRequest()
        request.competition_name = self._competition
        request.page_size = _PAGE
        answer = self._with_patience.call("submit", lambda: self._api.list_submissions(request))
        return next((one for one in answer.submissions if one.description == self._name), None)

    def _create(self, path: Path) -> None:
        start = ApiStartSubmissionUploadRequest()
        start.competition_name = self._competition
        start.file_name = path.name
        start.content_length = path.stat().st_size
        start.last_modified_epoch_seconds = int(path.stat().st_mtime)
        place = self._once.call("submit", lambda: self._api.start_submission_upload(start))
        self._once.call("submit", lambda: _upload(path, place.create_url))
        create = ApiCreateSubmissionRequest()
        create.competition_name = self._competition
        create.blob_file_tokens = place.token
        create.submission_description = self._name
        self._once.call("submit", lambda: self._api.create_submission(create))


def _upload(path: Path, url: str) -> None:
    with path.open("rb") as file:
        requests.put(url, data=file, timeout=60).raise_for_status()


def _told(found: ApiSubmission) -> Submitted:
    if found.status is SubmissionStatus.PENDING:
        message = "Kaggle has the submission; its score was not there yet when the time ran out."
        return Submitted(outcome="pending", public_score=None, message=message)
    if found.status is SubmissionStatus.ERROR:
        words = str(found.error_description or "it does not say why")[:_WORDS_MAX]
        return Submitted(outcome="refused", public_score=None, message=f"Kaggle could not score it: {words}")
    try:
        score = float(found.public_score)
    except ValueError:
        return Submitted(outcome="scored", public_score=None, message="Kaggle keeps the score to itself.")
    return Submitted(outcome="scored", public_score=score, message=f"Kaggle's public score is {score:g}.")


def _now() -> datetime:
    return datetime.now(UTC)
