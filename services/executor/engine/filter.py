"""A Docker socket that an executor can be trusted with.

Its process holds the real socket and has no network; the executor has the network and this socket.  Each
request is judged by `services.executor.engine.rules`.  The folders of `services.executor.egress_gates` are
made here too and are not the executor's: it can put a socket into one, but no link in its place.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector, web
from yarl import URL

from services.executor.egress_gates import mounted, refused
from services.executor.engine.rules import Asked, EngineRefusedError, is_owned, judge, trimmed

if TYPE_CHECKING:
    from pathlib import Path

    from services.executor.engine.rules import Grant, Passed

_ANSWER_HEADERS: Final = ("Api-Version", "Content-Type", "X-Docker-Container-Path-Stat")
_CONNECT_S: Final = 10.0

_log = structlog.get_logger(__name__)


class EngineFilter:
    """Passes on to the Engine behind `session` what `grant` allows."""

    def __init__(self, session: ClientSession, grant: Grant) -> None:
        self._session = session
        self._grant = grant

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request: as the Engine does, or with 403, or with 502 where the Engine is away."""
        try:
            passed = judge(await _asked(request), self._grant)
            if passed.owned is not None:
                await self._check_owned(*passed.owned)
            self._make_folders(passed)
            return await self._pass_on(request, passed)
        except EngineRefusedError as error:
            _log.warning("engine_refused", method=request.method, path=request.path, why=str(error))
            return web.json_response({"message": f"refused: {error}"}, status=403)
        except (ClientError, OSError) as error:
            _log.warning("engine_away", error=repr(error))
            return web.json_response({"message": f"the Docker daemon does not answer: {error}"}, status=502)

    async def _check_owned(self, kind: str, name: str) -> None:
        """Nothing where it is the executor's, or there is no such thing: the Engine then says that.

        Raises:
            EngineRefusedError: it is somebody else's.
        """
        path = f"/containers/{name}/json" if kind == "containers" else f"/volumes/{name}"
        async with self._session.get(f"http://engine{path}") as answer:
            if answer.status == 404:
                return
            answer.raise_for_status()
            if not is_owned(await answer.json(), self._grant):
                raise EngineRefusedError("it is not this executor's")

    async def _pass_on(self, request: web.Request, passed: Passed) -> web.StreamResponse:
        url = URL(f"http://engine{passed.path}", encoded=True).with_query(request.query)
        # No body goes on as it came: the Engine reads JSON more kindly than it was read here.
        async with self._session.request(request.method, url, json=passed.body) as answer:
            if request.method == "DELETE" and answer.status in {204, 404}:
                self._remove_folders(passed)
            if answer.ok and passed.trim:
                return web.json_response(trimmed(passed.path, await answer.json(), self._grant))
            headers = {name: answer.headers[name] for name in _ANSWER_HEADERS if name in answer.headers}
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    def _make_folders(self, passed: Passed) -> None:
        """With an attempt's volume, the folder of its way out; the executor is of this process' group."""
        if passed.volume is None:
            return
        self._grant.egress.mkdir(mode=0o750, parents=True, exist_ok=True)
        folder = mounted(self._grant.egress, passed.volume)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o775)
        told = refused(self._grant.egress, passed.volume)
        told.touch()
        told.chmod(0o660)

    def _remove_folders(self, passed: Passed) -> None:
        if passed.owned is None or passed.owned[0] != "volumes":
            return
        folder = mounted(self._grant.egress, passed.owned[1]).parent
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            _log.warning("egress_folder_left", folder=str(folder), error=repr(error))


async def listen(engine: EngineFilter, socket: Path) -> web.AppRunner:
    """Serve on a socket that the process' group may use; clean the runner up to stop."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.handle)
    # A reader of a log who goes away has to end the Engine's answer too.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    _let_group_in(socket)
    return runner


def engine_session(socket: Path) -> ClientSession:
    """A client of the Engine on a socket; an answer may take as long as a container runs."""
    timeout = ClientTimeout(total=None, sock_connect=_CONNECT_S)
    return ClientSession(connector=UnixConnector(str(socket), limit=0), timeout=timeout)


def _let_group_in(socket: Path) -> None:
    socket.chmod(0o660)


async def _asked(request: web.Request) -> Asked:
    if len(request.query) != len(set(request.query)):
        raise EngineRefusedError("a parameter is given twice")
    body = None
    if request.can_read_body:
        try:
            body = await request.json()
        except ValueError as error:
            raise EngineRefusedError("the body is not JSON") from error
    return Asked(method=request.method, path=request.rel_url.raw_path, query=request.query, body=body)
