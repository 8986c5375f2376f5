"""The newest that is known of the pods of an executor's attempts: one list and one watch for all of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from lightkube.resources.core_v1 import Pod

from services.executor.container import LABEL_EXECUTOR
from services.executor.kubernetes.objects import name_by_labels
from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from services.executor.kubernetes.api import Api

_PAUSE_S: Final = 1.0
_RELIST_S: Final = 300.0
"""All pods are listed anew where no change came for so long: a watch can be dead without a word."""

_log = structlog.get_logger(__name__)


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A pod as it was when last seen; `gone`: it is there no more."""

    pod: Pod
    gone: bool = False


class Pods:
    """What is known, by the names of the pods' Jobs: a Job of ours has one pod, and never a second."""

    def __init__(self, api: Api, *, executor: str) -> None:
        self._api = api
        self._labels = {LABEL_EXECUTOR: executor}
        self._seen: dict[str, Sighting] = {}
        self._news = asyncio.Event()

    def of(self, job: str) -> Sighting | None:
        """The pod of a Job, None where none was seen yet."""
        return self._seen.get(job)

    def forget(self, job: str) -> None:
        """The pod of a Job that is deleted is of no interest."""
        self._seen.pop(job, None)
        self.wake()

    async def news(self, *, within_s: float) -> None:
        """Return at the next change of any pod, or after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._news.wait()

    def wake(self) -> None:
        """Let all who wait for news look again."""
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Keep what is known up to date, for ever."""
        while True:
            try:
                version, pods = await self._api.pods(self._labels)
                self._take_all(pods)
                await self._watch(version)
            except SandboxError as error:  # 410 among them: the version is too old
                _log.info("pods_listed_anew", reason=str(error))
            except TimeoutError:
                continue
            except Exception:  # noqa: BLE001 a bug in reading one pod must not leave the executor blind
                _log.exception("pods_not_followed")
            await asyncio.sleep(_PAUSE_S)

    async def _watch(self, version: str) -> None:
        changes = self._api.changes(self._labels, version=version)
        try:
            while True:
                async with asyncio.timeout(_RELIST_S):
                    kind, pod = await anext(changes)
                self._take(pod, gone=kind == "DELETED")
                self.wake()
        except StopAsyncIteration:
            return
        finally:
            await changes.aclose()

    def _take_all(self, pods: list[Pod]) -> None:
        """The pods that there are; what was seen before and is not among them is gone."""
        before, self._seen = self._seen, {}
        for pod in pods:
            self._take(pod, gone=False)
        for job, sighting in before.items():
            if job not in self._seen:
                self._seen[job] = msgspec.structs.replace(sighting, gone=True)
        self.wake()

    def _take(self, pod: Pod, *, gone: bool) -> None:
        job = name_by_labels(pod.metadata.labels if pod.metadata else None)
        if job is not None:
            self._seen[job] = Sighting(pod=pod, gone=gone)
