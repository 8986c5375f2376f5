"""A cluster on a local port: its API as far as an executor asks it, its Job controller, and a node.

Every object is held against the API's own schema, strictly, and every request against the executor's role in
deploy/kubernetes.  Answers have the API's shape: ``Status`` objects for errors, versions, a watch of JSON
lines that says 410 of a version too old.  The node (`tests.fakes.kubernetes_node`) runs a pod's containers as
local processes.  Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web
from jsonschema import ValidationError

from tests.kubernetes_schema import NEWEST, check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.kubernetes_node import Node

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
TOKEN = "the-service-account's"
Object = dict[str, Any]


class StatusError(Exception):
    """An error as the API tells it."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        }  # fmt: skip


@dataclass(kw_only=True)
class Faults:
    """How the API misbehaves: the next requests get these statuses, with a Retry-After in seconds or None;
    the next creations are done and answered with a 504, as often as `lost_answers` says.
    """

    answers: list[tuple[int, int | None]] = field(default_factory=list)
    lost_answers: int = 0


def rules() -> list[Object]:
    """What the executor's role allows."""
    found = [
        one
        for path in sorted(MANIFESTS.glob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
        if one
    ]
    (role,) = [one for one in found if one["kind"] == "Role"]
    return role["rules"]


class Cluster:
    """The objects of one namespace, and those who watch its pods."""

    def __init__(self, node: Node, namespace: str) -> None:
        self.node = node
        self.faults = Faults()
        self.objects: dict[str, dict[str, Object]] = {"jobs": {}, "pods": {}, "secrets": {}}
        self.asked: list[tuple[str, str]] = []
        self._namespace = namespace
        self._version = 100
        self._history: list[tuple[int, str, Object]] = []
        self._compacted = 0
        self._news = asyncio.Event()
        self._streams: set[asyncio.Task[Any]] = set()
        node.attach(self)

    # --- what the controllers and the node do -----------------------------------------------------------

    def put(self, kind: str, one: Object) -> None:
        """Store an object in its new state."""
        self._version += 1
        one["metadata"]["resourceVersion"] = str(self._version)
        there = one["metadata"]["name"] in self.objects[kind]
        self.objects[kind][one["metadata"]["name"]] = one
        if kind == "pods":
            self._tell("MODIFIED" if there else "ADDED", one)

    def drop(self, kind: str, name: str) -> None:
        """An object is there no more."""
        self._version += 1
        one = self.objects[kind].pop(name)
        one["metadata"]["resourceVersion"] = str(self._version)
        if kind == "pods":
            self._tell("DELETED", one)

    def _tell(self, change: str, pod: Object) -> None:
        self._history.append((self._version, change, copy.deepcopy(pod)))
        self._news.set()
        self._news = asyncio.Event()

    def begin(self, job: Object) -> None:
        """What the Job controller does for a Job that is not suspended."""
        name = job["metadata"]["name"]
        template = job["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-{uuid.uuid4().hex[:5]}",
                "namespace": self._namespace,
                "uid": str(uuid.uuid4()),
                "labels": {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name},
                "ownerReferences": [owner(job)],
            },
            "spec": copy.deepcopy(template["spec"]),
            "status": {"phase": "Pending"},
        }
        check(pod, NEWEST)
        self.put("pods", pod)
        self.node.run(pod)

    def collect(self, job: Object) -> None:
        """What the garbage collector does once a Job is gone."""
        uid = job["metadata"]["uid"]
        for kind in ("secrets", "pods"):
            for name, one in list(self.objects[kind].items()):
                if any(ref["uid"] == uid for ref in one["metadata"].get("ownerReferences", ())):
                    if kind == "pods":
                        self.node.delete(one, one["spec"]["terminationGracePeriodSeconds"])
                    else:
                        self.drop(kind, name)

    # --- faults -----------------------------------------------------------------------------------------

    def cut_streams(self) -> None:
        """Every log and watch that is being read breaks off."""
        for task in self._streams:
            task.cancel()

    def compact(self) -> None:
        """Forget the past: who watches from an earlier version is told that it is gone, and breaks off."""
        self._compacted = self._version + 1
        self._version += 1
        self._history.clear()
        self.cut_streams()

    def pod_of(self, job: str) -> Object:
        """The pod of a Job."""
        return next(
            one
            for one in self.objects["pods"].values()
            if one["metadata"]["labels"]["batch.kubernetes.io/job-name"] == job
        )

    # --- the API ----------------------------------------------------------------------------------------

    def app(self, allowed: list[Object]) -> web.Application:
        """The API's server."""

        @web.middleware
        async def front(request: web.Request, handler: Any) -> web.StreamResponse:
            try:
                self._admit(request, allowed)
                return await handler(request)
            except StatusError as error:
                return answer(error.status, status=error.status["code"])

        app = web.Application(middlewares=[front])
        jobs = f"/apis/batch/v1/namespaces/{self._namespace}/jobs"
        core = f"/api/v1/namespaces/{self._namespace}"
        app.router.add_post(jobs, self._create)
        app.router.add_post(f"{core}/secrets", self._create)
        app.router.add_get(jobs, self._list)
        app.router.add_get(f"{core}/pods", self._list)
        app.router.add_get(f"{jobs}/{{name}}", self._get)
        app.router.add_patch(f"{jobs}/{{name}}", self._patch)
        app.router.add_delete(f"{jobs}/{{name}}", self._delete_job)
        app.router.add_delete(f"{core}/pods/{{name}}", self._delete_pod)
        app.router.add_get(f"{core}/pods/{{name}}/log", self._log)
        return app

    def _admit(self, request: web.Request, allowed: list[Object]) -> None:
        kind, verb = kind_of(request), verb_of(request)
        self.asked.append((verb, kind))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise StatusError(401, "Unauthorized", "Unauthorized")
        group = "batch" if request.path.startswith("/apis/batch/") else ""
        if not any(
            group in rule["apiGroups"] and kind in rule["resources"] and verb in rule["verbs"]
            for rule in allowed
        ):
            raise StatusError(403, "Forbidden", f"{kind} is forbidden: the executor cannot {verb} it")
        if self.faults.answers and verb != "watch" and kind != "pods/log":
            raise Busy(*self.faults.answers.pop(0))

    async def _create(self, request: web.Request) -> web.Response:
        kind = kind_of(request)
        one: Object = json.loads(await request.read())
        try:
            check(one, NEWEST)
        except ValidationError as error:
            raise StatusError(422, "Invalid", error.message) from None
        name = one["metadata"]["name"]
        if name in self.objects[kind]:
            raise StatusError(409, "AlreadyExists", f'{kind} "{name}" already exists')
        one["metadata"] |= {"namespace": self._namespace, "uid": str(uuid.uuid4())}
        self.put(kind, one)
        if kind == "jobs" and not one["spec"].get("suspend"):
            self.begin(one)
        if self.faults.lost_answers:
            self.faults.lost_answers -= 1
            raise StatusError(504, "Timeout", "the server was unable to return a response in time")
        return answer(one, status=201)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            return await self._watch(request)
        kind = kind_of(request)
        items = [one for one in self.objects[kind].values() if matches(one, request)]
        shown = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": str(self._version)}}
        return answer({**shown, "items": items})

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._found(request))

    async def _patch(self, request: web.Request) -> web.Response:
        if request.content_type != "application/merge-patch+json":
            raise StatusError(415, "UnsupportedMediaType", request.content_type)
        job, patch = self._found(request), json.loads(await request.read())
        assert patch == {"spec": {"suspend": False}}, patch
        if job["spec"]["suspend"]:
            job["spec"]["suspend"] = False
            self.put("jobs", job)
            self.begin(job)
        return answer(job)

    async def _delete_job(self, request: web.Request) -> web.Response:
        assert request.query["propagationPolicy"] == "Background"
        job = self._found(request)
        self.drop("jobs", job["metadata"]["name"])
        self.collect(job)
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    async def _delete_pod(self, request: web.Request) -> web.Response:
        pod = self._found(request)
        self.node.delete(pod, int(request.query["gracePeriodSeconds"]))
        return answer(pod)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        after = int(request.query["resourceVersion"])
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        if after < self._compacted:
            gone = StatusError(410, "Expired", f"too old resource version: {after} ({self._compacted})")
            await stream.write(line({"type": "ERROR", "object": gone.status}))
            return stream
        async with self._streaming():
            while True:
                news = self._news
                for version, change, pod in list(self._history):
                    if version > after and matches(pod, request):
                        await stream.write(line({"type": change, "object": pod}))
                        after = version
                await news.wait()
        return stream

    async def _log(self, request: web.Request) -> web.StreamResponse:
        pod = self._found(request)
        written = self.node.written(pod["metadata"]["name"], request.query["container"])
        if written is None:
            container = request.query["container"]
            why = f'container "{container}" in pod "{pod["metadata"]["name"]}" is waiting to start'
            raise StatusError(400, "BadRequest", why)
        assert request.query["timestamps"] == request.query["follow"] == "true"
        stream = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await stream.prepare(request)
        async with self._streaming():
            async for entry in written.follow():
                await stream.write(entry)
        return stream

    @asynccontextmanager
    async def _streaming(self) -> AsyncIterator[None]:
        """For as long as a stream is read `cut_streams` finds it."""
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            with contextlib.suppress(ConnectionError):  # who reads has gone
                yield
        finally:
            self._streams.discard(task)

    def _found(self, request: web.Request) -> Object:
        kind, name = kind_of(request).partition("/")[0], request.match_info["name"]
        if name not in self.objects[kind]:
            raise StatusError(404, "NotFound", f'{kind} "{name}" not found')
        return self.objects[kind][name]


class Busy(web.HTTPException):
    """Not a Status: what stands in front of an API server answers like this."""

    def __init__(self, status: int, after: int | None) -> None:
        self.status_code = status
        super().__init__(headers={"Retry-After": str(after)} if after is not None else None, text="busy")


def kind_of(request: web.Request) -> str:
    """``jobs``, ``pods``, ``pods/log``, ``secrets``."""
    words = request.path.split("/")
    at = words.index("namespaces") + 2
    return "/".join([words[at], *words[at + 2 :]])


def verb_of(request: web.Request) -> str:
    """What RBAC calls the request."""
    if request.method != "GET":
        return {"POST": "create", "PATCH": "patch", "DELETE": "delete"}[request.method]
    if "name" in request.match_info:
        return "get"
    return "watch" if request.query.get("watch") == "true" else "list"


def matches(one: Object, request: web.Request) -> bool:
    """The object has the labels that are asked for."""
    wanted = [pair.split("=", 1) for pair in request.query.get("labelSelector", "").split(",") if pair]
    return all(one["metadata"].get("labels", {}).get(key) == value for key, value in wanted)


def owner(job: Object) -> Object:
    """A reference to a Job, as its controller makes it."""
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    return {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True}


def answer(body: Object, *, status: int = 200) -> web.Response:
    """A body with the very content type that the API gives it."""
    return web.Response(body=json.dumps(body), status=status, headers={"Content-Type": "application/json"})


def line(body: Object) -> bytes:
    """One line of a watch."""
    return json.dumps(body).encode() + b"\n"


@asynccontextmanager
async def serving(node: Node, *, namespace: str = "podium-attempts") -> AsyncIterator[tuple[str, Cluster]]:
    """The cluster's URL, and the cluster."""
    cluster = Cluster(node, namespace)
    runner = web.AppRunner(cluster.app(rules()), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}", cluster
    finally:
        await node.close()
        cluster.cut_streams()
        await runner.cleanup()
