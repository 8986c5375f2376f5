"""What an Engine's answer to a request for a bounded volume means, and that the question leaves nothing."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiodocker import Docker
from aiodocker.exceptions import DockerError
from aiohttp import web

from services.quota import quota_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

REFUSAL = "quota size requested but no quota support"
"""Word for word what Engine 20.10.24 answers, with status 400."""


class Engine:
    """An Engine that knows of volumes only; `grants` says whether its kernel bounds one."""

    def __init__(self, *, grants: bool) -> None:
        self.grants = grants
        self.volumes: dict[str, dict[str, str]] = {}
        self.seen: list[dict[str, str]] = []

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.41"})

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if not self.grants:
            # No charset: a client takes the type as it stands.
            refusal = json.dumps({"message": REFUSAL}).encode()
            return web.Response(body=refusal, content_type="application/json", status=400)
        self.seen.append(asked["DriverOpts"])
        self.volumes[asked["Name"]] = asked["DriverOpts"]
        return web.json_response({"Name": asked["Name"]}, status=201)

    async def delete(self, request: web.Request) -> web.Response:
        del self.volumes[request.match_info["name"]]
        return web.Response(status=204)


@asynccontextmanager
async def serving(engine: Engine, folder: Path) -> AsyncIterator[Docker]:
    application = web.Application()
    application.router.add_get("/version", engine.version)
    application.router.add_post("/v1.41/volumes/create", engine.create)
    application.router.add_delete("/v1.41/volumes/{name}", engine.delete)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "engine.sock")).start()
    try:
        async with Docker(url=f"unix://{folder}/engine.sock") as docker:
            yield docker
    finally:
        await runner.cleanup()


async def test_an_engine_that_bounds_volumes_is_asked_and_left_as_it_was(tmp_path: Path) -> None:
    engine = Engine(grants=True)
    async with serving(engine, tmp_path) as docker:
        assert await quota_problem(docker) == ""
    assert engine.seen == [{"size": "1048576"}]
    assert engine.volumes == {}


async def test_an_engine_that_does_not_says_why(tmp_path: Path) -> None:
    async with serving(Engine(grants=False), tmp_path) as docker:
        assert await quota_problem(docker) == REFUSAL


async def test_an_engine_that_does_not_answer_is_none_that_refuses(tmp_path: Path) -> None:
    async with Docker(url=f"unix://{tmp_path}/absent.sock") as docker:
        with pytest.raises(DockerError):
            await quota_problem(docker)
