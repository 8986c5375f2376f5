"""Finds out how this machine and the servers around it are; `cli.doctor` says what that means."""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import importlib.util
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import msgspec
import redis.asyncio
from aiodocker import Docker
from aiodocker.exceptions import DockerError
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from redis.exceptions import RedisError

from agent.zone import BWRAP_VARIABLE, place_here
from cli.doctor import Engine, Server
from cli.kept_in import KeptIn
from cli.reaching import reach
from events.subjects import STREAM, WEBHOOKS
from podium.client import Client
from podium.errors import PodiumError
from services.bubblewrap import bwrap_path
from services.environment import SettingError
from services.quota import quota_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.client import Client as NatsClient

    from services.environment import Environment
    from services.gateway.view_room import Room

_ANSWER_S: Final = 5.0
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_VERSION_FLAG: Final = 1
_SECRETS: Final = ("KAGGLE_USERNAME", "KAGGLE_KEY", "ANTHROPIC_API_KEY")


class _Told(msgspec.Struct):
    """Of what JetStream answers to a question about a stream: when, by its own clock."""

    ts: datetime | None = None


async def nats_server(url: str | None) -> tuple[Server, float | None, int | None]:
    """The NATS at `url`, how many seconds this machine's clock is before its own, and what webhooks wait for.

    The last two are None where there is no log yet, and where no deliverer of webhooks has read it.
    """
    if url is None:
        return Server(name="NATS", address=None), None, None
    skew_s, waiting = None, None
    try:
        async with asyncio.timeout(_ANSWER_S):
            client = await reach(url, timeout_s=_ANSWER_S)
            try:
                await client.jetstream().account_info()
                skew_s = await _skew_s(client)
                waiting = await _webhooks_waiting(client)
                release = client.connected_server_version
            finally:
                await client.close()
    except (NatsError, OSError, ValueError) as error:  # a TimeoutError is an OSError
        return _silent("NATS", url, error), None, None
    version = f"{release.major}.{release.minor}.{release.patch}"
    return Server(name="NATS", address=_place(url), version=version), skew_s, waiting


async def postgres_server(url: str | None) -> Server:
    """The Postgres at `url`."""
    if url is None:
        return Server(name="Postgres", address=None)
    try:
        async with asyncio.timeout(_ANSWER_S):
            connection = await asyncpg.connect(url)
            try:
                version = str(await connection.fetchval("SHOW server_version"))
            finally:
                await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        return _silent("Postgres", url, error)
    return Server(name="Postgres", address=_place(url), version=version)


async def redis_server(url: str | None) -> Server:
    """The Redis, or Valkey, at `url`."""
    if url is None:
        return Server(name="Redis", address=None)
    try:
        async with asyncio.timeout(_ANSWER_S), redis.asyncio.from_url(url) as client:
            version = str((await client.info("server"))["redis_version"])
    except (RedisError, OSError, ValueError) as error:
        return _silent("Redis", url, error)
    return Server(name="Redis", address=_place(url), version=version)


async def gateway(url: str | None, api_key: str | None) -> tuple[Server, Room | None]:
    """The gateway at `url`, whether it lets the holder of this key read, and the executors that it hears."""
    if url is None:
        return Server(name="gateway", address=None), None
    try:
        async with asyncio.timeout(_ANSWER_S), Client(url, api_key=api_key) as client:
            await client.jobs(limit=1)
            room = await client.room()
    except PodiumError as error:
        return Server(name="gateway", address=_place(url), problem=str(error), remedy=error.hint), None
    except TimeoutError as error:
        return _silent("gateway", url, error), None
    words = "answers" if api_key is None else "answers, and takes the API key,"
    return Server(name="gateway", address=_place(url), version=words), room


async def docker_engine(host: str | None, image: str) -> Engine | str:
    """The Docker daemon and whether it has `image`, or why there is none."""
    try:
        async with asyncio.timeout(_ANSWER_S), Docker(url=host) as docker:
            version, system = await docker.version(), await docker.system.info()
            has_image = await _has(docker, image)
            no_quota = await quota_problem(docker)
    except (AssertionError, ValueError):
        return "no socket was found"
    except DockerError as error:
        return error.message
    except (aiohttp.ClientError, OSError) as error:
        return f"no answer: {str(error) or type(error).__name__}"
    parts = {part["Name"]: part["Version"] for part in version.get("Components") or ()}
    return Engine(
        version=version["Version"],
        runc=parts.get("runc"),
        cgroup=system.get("CgroupVersion") or "1",
        options=tuple(system.get("SecurityOptions") or ()),
        image=image,
        has_image=has_image,
        no_quota=no_quota,
    )


def kept_in(environment: Mapping[str, str], choice: str) -> KeptIn:
    """How a script is kept in here, tried on an empty one; `choice` is an operator's PODIUM_MODEL_CODE."""
    bwrap = bwrap_path()
    named = {BWRAP_VARIABLE: str(bwrap)} if bwrap else {}
    place = place_here({name: value for name, value in environment.items() if name == "PATH"} | named)
    return KeptIn(
        granted=place.granted,
        trouble=place.trouble or ("" if bwrap else "there is no bubblewrap here"),
        landlock=_landlock_version(),
        choice=choice,
    )


def _landlock_version() -> int:
    """Of this machine's kernel; 0 where it has none.  Source: landlock(7)."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    version: int = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION_FLAG)
    return max(0, version)


def has_openmp() -> bool:
    """The system has libgomp, or scikit-learn has brought one that the executor lends."""
    if ctypes.util.find_library("gomp") is not None:
        return True
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        return False
    return any(Path(spec.origin).parents[1].glob("scikit_learn.libs/libgomp-*.so*"))


def disk_free(folder: Path) -> tuple[Path, int]:
    """The nearest folder that exists, and how many bytes are free there."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    return there, shutil.disk_usage(there).free


def secrets_given(environment: Environment) -> dict[str, bool | str]:
    """Which keys are set; or why one cannot be read."""
    given: dict[str, bool | str] = {}
    for name in _SECRETS:
        try:
            given[name] = environment.optional(name) is not None
        except SettingError as error:
            given[name] = str(error)
    return given


async def _skew_s(client: NatsClient) -> float | None:
    """Our clock minus the server's, at the middle of a question; None where it holds no log of ours."""
    asked_s = time.time()
    answer = await client.request(f"$JS.API.STREAM.INFO.{STREAM}", timeout=_ANSWER_S)
    answered_s = time.time()
    told = msgspec.json.decode(answer.data, type=_Told)
    return None if told.ts is None else (asked_s + answered_s) / 2 - told.ts.timestamp()


async def _webhooks_waiting(client: NatsClient) -> int | None:
    """How many events of the log the deliverer of webhooks has not dealt with."""
    try:
        found = await client.jetstream().consumer_info(STREAM, WEBHOOKS)
    except NotFoundError:
        return None
    return (found.num_pending or 0) + (found.num_ack_pending or 0)


async def _has(docker: Docker, image: str) -> bool:
    try:
        await docker.images.inspect(image)
    except DockerError as error:
        if error.status == 404:
            return False
        raise
    return True


def _silent(name: str, url: str, error: Exception) -> Server:
    """A server that did not answer; what a wrong address made a library say may hold a password."""
    if isinstance(error, TimeoutError):
        problem = f"no answer within {_ANSWER_S:.0f} s"
    elif isinstance(error, ValueError):
        problem = "cannot be understood"
    else:
        problem = (str(error) or type(error).__name__).splitlines()[0]
    return Server(name=name, address=_place(url), problem=problem)


def _place(url: str) -> str:
    """Host, port and path of an address; only a word where what looks like them may be half a password."""
    try:
        parts = urlsplit(url.partition(",")[0])
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "its address"
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return "its address"
    return f"{parts.hostname or ''}{port}{parts.path}" or parts.scheme
