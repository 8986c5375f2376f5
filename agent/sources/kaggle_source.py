"""Fetches a competition from Kaggle: its words, its files, unpacked, into a data folder."""

from __future__ import annotations

import errno
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from kagglesdk.competitions.types.competition_api_service import (
    ApiCompetition,
    ApiCompetitionPage,
    ApiDownloadDataFileRequest,
    ApiDownloadDataFilesRequest,
    ApiListCompetitionPagesRequest,
    ApiListCompetitionsRequest,
    ApiListDataFilesRequest,
)
from kagglesdk.competitions.types.competition_enums import CompetitionListTab

from agent.errors import CompetitionError
from agent.sources.archives import ArchiveLimits, inner_path, unpack
from agent.sources.kaggle_client import Caller, KaggleSettings, open_client
from agent.sources.kaggle_download import Transfer
from agent.sources.kaggle_pages import as_markdown, plain
from agent.sources.kaggle_progress import Meter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PAGE_FILES: Final = 200
_FILES_MAX: Final = 100_000
_FILES_SINGLY_MAX: Final = 25
"""Above this many files Kaggle's one archive of all is fetched: a request for each would take hours."""

_SPARE_BYTES: Final = 100 * 10**6
"""What must stay free on the disk beside the data, for models and results."""

_DESCRIPTION: Final = "description.md"
_INCOMING: Final = ".incoming"


class KaggleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What Kaggle says of a competition; None where it does not say."""

    title: str
    evaluation_metric: str | None
    description: str | None
    url: str


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a competition: its path there, and its size once unpacked."""

    name: str
    size_bytes: int


def fetch(
    competition: str,
    data_dir: Path,
    *,
    progress: Callable[[float, str], None],
    settings: KaggleSettings,
    sleep: Callable[[float], None] = time.sleep,
) -> KaggleInfo:
    """Download and unpack all files of `competition` (its slug) into `data_dir`, and say what it is.

    Nothing is downloaded before all that can be known beforehand is checked.  Files appear in `data_dir`
    when all of them are whole; the competition's pages are saved beside them as description.md.
    `progress` gets the done fraction (0..1, never falling) and a message for a person.

    Raises CompetitionError: ``kaggle_credentials_missing``, ``kaggle_credentials_refused``,
    ``competition_not_found``, ``kernels_only``, ``rules_not_accepted``, ``competition_too_large``,
    ``competition_empty``, ``archive_refused``, ``kaggle_refused``; retryable: ``disk_full``,
    ``archive_damaged``, ``kaggle_unavailable``.
    """
    caller = Caller(competition, settings, sleep=sleep, clock=lambda: datetime.now(UTC))
    data_dir.mkdir(parents=True, exist_ok=True)
    with open_client(settings) as api:
        info = _look_up(api, caller, competition)
        files = _list_files(api, caller, competition)
        check_room(files, settings.bytes_max, shutil.disk_usage(data_dir).free)
        incoming = data_dir / _INCOMING
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            incoming.mkdir()
            meter = Meter(progress, expected_bytes=sum(file.size_bytes for file in files))
            _Download(api, caller, competition, settings, meter).all(files, incoming)
            _move_in(incoming, data_dir)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise CompetitionError(
                "disk_full", "The disk filled up while unpacking.", retryable=True
            ) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    if info.description and not (data_dir / _DESCRIPTION).exists():
        (data_dir / _DESCRIPTION).write_text(info.description, encoding="utf-8")
    return info


def check_room(files: tuple[RemoteFile, ...], bytes_max: int, free_bytes: int) -> None:
    """Refuse a competition that is larger than allowed, or than the disk.

    Its files take their listed size, and as much again while a zip and what was in it lie side by side.
    Raises CompetitionError ``competition_too_large``, or ``disk_full`` (retryable).
    """
    size_bytes = sum(file.size_bytes for file in files)
    if size_bytes > bytes_max:
        message = f"The competition has {size_bytes} bytes of data; PODIUM_DATA_BYTES_MAX allows {bytes_max}."
        raise CompetitionError("competition_too_large", message)
    needed_bytes = 2 * size_bytes + _SPARE_BYTES
    if needed_bytes > free_bytes:
        message = f"The data needs {needed_bytes} bytes of disk, and {free_bytes} are free."
        raise CompetitionError("disk_full", message, retryable=True)


def _look_up(api: Any, caller: Caller, competition: str) -> KaggleInfo:
    """The first request, so that a key is known to be good or bad before anything else is."""
    request = ApiListCompetitionsRequest()
    request.search = competition
    request.group = CompetitionListTab.COMPETITION_LIST_TAB_EVERYTHING
    answer = caller.call("look_up", lambda: api.list_competitions(request))
    found = next((entry for entry in answer.competitions if _slug(entry) == competition), None)
    url = f"https://www.kaggle.com/competitions/{competition}"
    if found is None:  # a search is not a proof of absence: the list of files is
        return KaggleInfo(title=competition, evaluation_metric=None, description=None, url=url)
    if found.is_kernels_submissions_only:
        message = f"{url} takes notebooks only; Podium makes a submission file and cannot enter it."
        raise CompetitionError("kernels_only", message)
    title = found.title or competition
    return KaggleInfo(
        title=title,
        evaluation_metric=found.evaluation_metric or None,
        description=as_markdown(title, found.description or None, _pages(api, caller, competition)),
        url=url,
    )


def _slug(entry: ApiCompetition) -> str:
    """Kaggle has written `ref` as a slug and as an address."""
    return str(entry.ref).rstrip("/").rsplit("/", 1)[-1]


def _pages(api: Any, caller: Caller, competition: str) -> list[tuple[str, str]]:
    request = ApiListCompetitionPagesRequest()
    request.competition_name = competition
    try:
        answer = caller.call("look_up", lambda: api.list_competition_pages(request))
    except CompetitionError as error:
        if error.retryable:
            raise
        return []  # some competitions show their pages to their members only, and can be solved without
    return [(page.name, _text(page)) for page in answer.pages]


def _text(page: ApiCompetitionPage) -> str:
    return str(page.content) if page.mime_type == "text/markdown" else plain(page.content)


def _list_files(api: Any, caller: Caller, competition: str) -> tuple[RemoteFile, ...]:
    request = ApiListDataFilesRequest()
    request.competition_name = competition
    request.page_size = _PAGE_FILES
    files: list[RemoteFile] = []
    while True:
        answer = caller.call("list_files", lambda: api.list_data_files(request))
        files += [RemoteFile(name=str(inner_path(f.name)), size_bytes=f.total_bytes) for f in answer.files]
        if len(files) > _FILES_MAX:
            message = f"The competition has more than {_FILES_MAX} files."
            raise CompetitionError("competition_too_large", message)
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    if not files:
        raise CompetitionError("competition_empty", "The competition has no files to download.")
    return tuple(files)


class _Download:
    """All files of one competition, one after the other."""

    def __init__(
        self, api: Any, caller: Caller, competition: str, settings: KaggleSettings, meter: Meter
    ) -> None:
        self._api = api
        self._caller = caller
        self._competition = competition
        self._settings = settings
        self._meter = meter

    def all(self, files: tuple[RemoteFile, ...], into: Path) -> None:
        if len(files) > _FILES_SINGLY_MAX:
            size_bytes = sum(file.size_bytes for file in files)
            whole = RemoteFile(name=f"{self._competition}.zip", size_bytes=size_bytes)
            self._one(whole, into, self._request_all())
            return
        for file in files:
            self._one(file, into, self._request_one(file.name))

    def _one(self, file: RemoteFile, into: Path, ask: Callable[[], Any]) -> None:
        path = into / inner_path(file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        transfer = Transfer(
            ask,
            path,
            bytes_max=self._settings.bytes_max,
            timeout_s=self._settings.timeout_s,
            on_bytes=lambda received, size: self._meter.moved(file.name, file.size_bytes, received, size),
        )
        served = self._caller.call("download", transfer.run)
        if served == f"{path.name}.zip":  # Kaggle compresses a large table, and says so by its name only
            path = path.rename(path.with_name(served))
        if path.suffix.lower() == ".zip":
            unpack(path, ArchiveLimits(bytes_max=self._settings.bytes_max))
        self._meter.finished(file.name, file.size_bytes)

    def _request_one(self, name: str) -> Callable[[], Any]:
        request = ApiDownloadDataFileRequest()
        request.competition_name = self._competition
        request.file_name = name
        return lambda: self._api.download_data_file(request)

    def _request_all(self) -> Callable[[], Any]:
        request = ApiDownloadDataFilesRequest()
        request.competition_name = self._competition
        return lambda: self._api.download_data_files(request)


def _move_in(incoming: Path, data_dir: Path) -> None:
    for path in sorted(incoming.rglob("*")):
        target = data_dir / path.relative_to(incoming)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            path.replace(target)
