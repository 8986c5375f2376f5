"""Artifacts in the JetStream object store: the executor writes, the gateway reads, a digest is checked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from nats.errors import Error as NatsError
from nats.js.api import ObjectStoreConfig
from nats.js.errors import NotFoundError, ObjectDeletedError, ObjectNotFoundError

from events import subjects
from events.catalogue import Artifact

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from nats.js.object_store import ObjectStore


_DAY_S: Final = 86_400


class ArtifactError(Exception):
    """An artifact that could not be stored or read back whole."""


class ArtifactGoneError(ArtifactError):
    """The store has no such artifact any more."""


async def ensure_bucket(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the bucket where there is none."""
    try:
        await js.object_store(subjects.ARTIFACT_BUCKET)
    except NotFoundError:
        await js.create_object_store(subjects.ARTIFACT_BUCKET, config=ObjectStoreConfig(replicas=replicas))


async def keep_artifacts(js: JetStreamContext, *, days: float) -> None:
    """Let the bucket forget what is older than so many days; 0: nothing."""
    stream = f"OBJ_{subjects.ARTIFACT_BUCKET}"
    found = (await js.stream_info(stream)).config
    age_s = days * _DAY_S
    if found.max_age != age_s:
        # The broker refuses to remember ids for longer than messages.
        window_s = min(found.duplicate_window or age_s, age_s) if age_s else found.duplicate_window
        await js.update_stream(found.evolve(max_age=age_s, duplicate_window=window_s))


class ArtifactStore:
    """The bucket, addressed by ``<job_id>/<attempt>/<name>``."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def put(self, *, job_id: str, attempt: int, name: str, data: bytes) -> Artifact:
        """Store a file and return where it is.

        Raises:
            ArtifactError: the store did not take it.
        """
        key = f"{job_id}/{attempt}/{name}"
        try:
            await (await self._bucket()).put(key, data)
        except (NatsError, TimeoutError, OSError) as error:
            raise ArtifactError(f"storing {name}: {error!r}") from error
        digest = hashlib.sha256(data).hexdigest()
        return Artifact(name=name, key=key, bytes=len(data), sha256=digest)

    async def get(self, artifact: Artifact) -> bytes:
        """The file's bytes, equal to what was stored.

        Raises:
            ArtifactGoneError: it was there and is not any more.
            ArtifactError: it cannot be read, or is not what was stored.
        """
        try:
            found = await (await self._bucket()).get(artifact.key)
        except (ObjectNotFoundError, ObjectDeletedError) as error:
            raise ArtifactGoneError(f"{artifact.name} is not kept any more") from error
        except (NatsError, TimeoutError, OSError) as error:
            raise ArtifactError(f"reading {artifact.name}: {error!r}") from error
        data = found.data or b""
        if hashlib.sha256(data).hexdigest() != artifact.sha256:
            raise ArtifactError(f"{artifact.name} is not what was stored: its digest differs")
        return data

    async def _bucket(self) -> ObjectStore:
        return await self._js.object_store(subjects.ARTIFACT_BUCKET)
