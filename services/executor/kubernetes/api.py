"""The cluster's API as an executor asks it: a few verbs, with patience, and with errors in its own words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx2
import msgspec
import structlog
from lightkube import AsyncClient
from lightkube.config import client_adapter
from lightkube.core.exceptions import ApiError
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Secret
from lightkube.types import CascadeType, PatchType

from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from lightkube.config.kubeconfig import SingleConfig

_ANSWER_S: Final = 10.0
_QUIET_S: Final = 60.0
"""A log on which nothing comes for so long is asked for anew: its node may be gone without a word."""
_WATCH_S: Final = 240
_AWAY_MAX_S: Final = 60.0
_PAUSE_S: Final = 0.5
_LATER: Final = frozenset({429, 500, 502, 503, 504})
_TROUBLE: Final = (
    httpx2.HTTPError,
    OSError,
    msgspec.MsgspecError,  # what stands between cut an answer short, or gave one of its own
    KeyError,  # the client's, of an error without a content type
)

_log = structlog.get_logger(__name__)
_Answer = TypeVar("_Answer")


class RefusedError(SandboxError):
    """The API understood and said no; `status` is HTTP's."""

    def __init__(self, what: str, message: str, *, status: int) -> None:
        super().__init__("kubernetes_refused", f"{what}: {message}", retryable=True)
        self.status = status


class Api:
    """What an executor may do in one namespace; see deploy/kubernetes for the role that allows it.

    Every method raises `RefusedError`, or `SandboxError` (``kubernetes_unavailable``) where there was no
    answer within `patience_s`.
    """

    def __init__(self, config: SingleConfig, *, namespace: str, patience_s: float = _AWAY_MAX_S) -> None:
        timeout = httpx2.Timeout(_ANSWER_S)
        self._namespace = namespace
        self._patience_s = patience_s
        self._client = AsyncClient(config, namespace=namespace, timeout=timeout, trust_env=False)
        # The client gives logs as text, cut at whatever Unicode calls an end of line.
        quiet = httpx2.Timeout(_ANSWER_S, read=_QUIET_S)
        self._raw = client_adapter.AsyncClient(
            config, client_adapter.ConnectionParams(timeout=quiet, trust_env=False)
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
        await self._raw.aclose()

    async def create_job(self, body: dict[str, Any]) -> Job:
        """Make a Job; one that is there already with the same annotations is the one that was asked for."""
        what, job = f"The job {body['metadata']['name']} could not be made", msgspec.convert(body, Job)
        try:
            made: Job = await self._told(what, lambda: self._client.create(job))
        except RefusedError as error:
            if error.status != 409:
                raise
            there = await self.job(body["metadata"]["name"])
            # Made by a request of ours whose answer was lost: nobody else knows the token.
            if there is None or there.metadata is None or there.metadata.annotations is None:
                raise
            if not body["metadata"]["annotations"].items() <= there.metadata.annotations.items():
                raise
            return there
        return made

    async def create_secret(self, body: dict[str, Any]) -> None:
        """Make a Secret; one of that name that is there already is the one that was asked for."""
        what, secret = (
            f"The secret {body['metadata']['name']} could not be made",
            msgspec.convert(body, Secret),
        )
        try:
            await self._told(what, lambda: self._client.create(secret))
        except RefusedError as error:
            if error.status != 409:
                raise

    async def begin_job(self, name: str) -> None:
        """Let a suspended Job have its pod."""
        begun = {"spec": {"suspend": False}}
        await self._told(
            f"The job {name} could not be begun",
            lambda: self._client.patch(Job, name, begun, patch_type=PatchType.MERGE),
        )

    async def job(self, name: str) -> Job | None:
        """The Job, None where there is none."""
        try:
            return await self._told(
                f"The job {name} cannot be looked at", lambda: self._client.get(Job, name)
            )
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    async def jobs(self, labels: Mapping[str, str], *, patience_s: float | None = None) -> list[Job]:
        """All Jobs with these labels."""

        async def listed() -> list[Job]:
            return [one async for one in self._client.list(Job, labels=dict(labels))]

        return await self._told("The jobs could not be listed", listed, patience_s=patience_s)

    async def delete_job(self, name: str) -> None:
        """Delete a Job and all that is its; nothing happens where it is gone already."""
        await self._gone(f"The job {name} could not be deleted", lambda: self._client.delete(
            Job, name, cascade=CascadeType.BACKGROUND
        ))  # fmt: skip

    async def delete_pod(self, name: str, *, grace_s: int) -> None:
        """Tell a pod's processes to end, and kill them `grace_s` later."""
        await self._gone(f"The pod {name} could not be stopped", lambda: self._client.delete(
            Pod, name, grace_period=grace_s
        ))  # fmt: skip

    async def pods(self, labels: Mapping[str, str]) -> tuple[str, list[Pod]]:
        """All pods with these labels, and the version of the cluster's that they are of."""

        async def listed() -> tuple[str, list[Pod]]:
            found = self._client.list(Pod, labels=dict(labels))
            pods = [one async for one in found]
            return found.resourceVersion, pods

        return await self._told("The pods could not be listed", listed)

    async def changes(self, labels: Mapping[str, str], *, version: str) -> AsyncGenerator[tuple[str, Pod]]:
        """(``ADDED``, ``MODIFIED`` or ``DELETED``, the pod) of each change since a version.

        Raises:
            RefusedError, SandboxError: the version is too old (410), or nothing more comes.
        """
        try:
            async for change in self._client.watch(
                Pod, labels=dict(labels), resource_version=version, server_timeout=_WATCH_S
            ):
                yield change
        except _TROUBLE as error:
            raise _translated("The pods could not be watched", error) from error

    async def log(self, pod: str, container: str) -> AsyncGenerator[bytes]:
        """All that a container has written and goes on writing, each line with its time before it, in chunks.

        Raises:
            RefusedError, SandboxError: it could not be read, or not to its end.
        """
        url = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        query = {"container": container, "follow": "true", "timestamps": "true"}
        try:
            async with self._raw.stream("GET", url, params=query) as answer:
                if answer.is_error:
                    await answer.aread()
                answer.raise_for_status()
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except _TROUBLE as error:
            raise _translated(f"The log of {pod} could not be read", error) from error

    async def _gone(self, what: str, request: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._told(what, request)
        except RefusedError as error:
            if error.status != 404:
                raise

    async def _told(
        self, what: str, request: Callable[[], Awaitable[_Answer]], *, patience_s: float | None = None
    ) -> _Answer:
        """The answer, asked for again where the API is busy or away, as long as there is patience."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + (self._patience_s if patience_s is None else patience_s)
        while True:
            try:
                return await request()
            except _TROUBLE as error:
                pause_s = _pause_s(error)
                if pause_s is None or clock() + pause_s > deadline:
                    raise _translated(what, error) from error
                _log.info("kubernetes_asked_again", what=what, pause_s=pause_s, error=repr(error))
            await asyncio.sleep(pause_s)


def _pause_s(error: Exception) -> float | None:
    """How long to wait before the same is asked again; None where that would not help."""
    if not isinstance(error, httpx2.HTTPStatusError):
        return _PAUSE_S
    answer = error.response
    if answer is None or answer.status_code not in _LATER:
        return None
    after = answer.headers.get("Retry-After", "")
    return float(after) if after.isdigit() else _PAUSE_S


def _translated(what: str, error: Exception) -> SandboxError:
    if isinstance(error, ApiError) and error.status.code:
        return RefusedError(what, error.status.message or "", status=error.status.code)
    if isinstance(error, httpx2.HTTPStatusError) and error.response is not None:
        status = error.response.status_code
        return RefusedError(what, f"the answer was {status}", status=status)
    return SandboxError("kubernetes_unavailable", f"{what}: {error!r}", retryable=True)
