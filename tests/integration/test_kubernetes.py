"""Attempts as Kubernetes Jobs, on a stand-in that holds every object against the API's own schema.

The pods' containers are processes of this machine: the real porter, and an agent that does what a test says.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as Address
from lightkube.config.models import User
from msgspec.structs import replace

from cli.embedded.servers import free_port
from events.catalogue import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    EgressRefused,
    JobCancelRequested,
    StageStarted,
)
from events.log import JobAt
from events.memory import MemoryLog
from events.progress import NONCE_VARIABLE
from services.environment import Environment
from services.executor.choice import RuntimeChoiceError, choose
from services.executor.collection import LOG
from services.executor.kubernetes import pods, sandbox
from services.executor.kubernetes.api import Api
from services.executor.kubernetes.objects import Layout
from services.executor.kubernetes.runtime import NOTES, KubernetesRuntime, kubernetes_facts
from services.executor.loop import Executor
from services.executor.runtime import SandboxError, SandboxSpec
from services.executor.settings import read
from tests.fakes.kubernetes_node import ROOT, Node
from tests.fakes.kubernetes_server import TOKEN, serving
from tests.unit.executor.stage import MemoryStore, agent, running_here, schedule, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from events.catalogue import Event
    from services.executor.settings import Settings
    from services.log_line import LogLine
    from tests.fakes.kubernetes_server import Cluster

KEY = "sk-ant-0123456789abcdef0123456789"


class World:
    """A cluster, a log, a store and an executor's settings; executors of the same id come and go."""

    def __init__(self, url: str, cluster: Cluster, told: Settings) -> None:
        self.url, self.cluster, self.settings = url, cluster, told
        self.log, self.store, self.lines = MemoryLog(), MemoryStore(), Lines()
        self.port = 0

    async def runtime(self, *, pending_s: float = 60.0) -> KubernetesRuntime:
        config = KubeConfig.from_one(cluster=Address(server=self.url), user=User(token=TOKEN)).get()
        assert config is not None
        runtime = KubernetesRuntime(
            Api(config, namespace="podium-attempts", patience_s=10.0),
            layout=Layout(
                executor="one", image="podium-agent:1", disk_bytes=2**30, deadline_s=600,
                competitions_claim="competitions",
            ),
            facts=kubernetes_facts(cpus=1, memory_bytes=2**30),
            door_host="127.0.0.1",
            told_dir=self.settings.work_dir / "told",
            competitions_dir=self.settings.competitions_dir,
            secrets=self.settings.secret_variables,
            pending_s=pending_s,
        )  # fmt: skip
        await runtime.open(self.port)
        self.port = runtime.door.port
        return runtime

    @asynccontextmanager
    async def executing(self, **asked: Any) -> AsyncIterator[Executor]:
        runtime = await self.runtime(**asked)
        try:
            executor = Executor(self.log, runtime, self.store, self.settings, lines=self.lines)
            async with running_here(executor):
                yield executor
        finally:
            await runtime.close()


@asynccontextmanager
async def world(tmp_path: Path, body: str, **model_variables: str) -> AsyncIterator[World]:
    told = settings(tmp_path, model_variables=model_variables)
    script = agent(tmp_path, body)[-1]
    node = Node(agent=(sys.executable, script), claims={"competitions": tmp_path / "competitions"})
    async with serving(node) as (url, cluster):
        yield World(url, cluster, replace(told, runtime="kubernetes"))


async def emptied(cluster: Cluster) -> None:
    """Wait until the cluster holds nothing, and nothing runs there."""
    async with asyncio.timeout(30):
        while any(cluster.objects.values()) or cluster.node.alive():
            await asyncio.sleep(0.02)


async def until_true(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


class Lines:
    """A `services.executor.hearing.LineSink` in memory."""

    def __init__(self) -> None:
        self.kept: list[LogLine] = []

    async def write(self, job_id: str, line: LogLine) -> None:
        self.kept.append(line)

    async def last_number(self, job_id: str, attempt: int) -> int:
        return max((line.number for line in self.kept), default=0)


def failure(events: list[Event]) -> AttemptFailed:
    (found,) = [event for event in events if isinstance(event, AttemptFailed)]
    return found


async def test_an_attempt_becomes_a_job_and_leaves_nothing(tmp_path: Path) -> None:
    body = """
say("stage_started", stage="training")
print("to the log", file=sys.stderr, flush=True)
assert (Path(os.environ["PODIUM_DATA_DIR"])).is_dir()
model("lightgbm")
(output / "report.html").write_text("<p>" * 100_000)
(output / "link.html").symlink_to("/etc/passwd")
succeed("report.html", "link.html", "none.html")
"""
    async with world(tmp_path, body) as here:
        await schedule(here.log, "a")
        async with here.executing():
            events = await until(here.log, "a", AttemptSucceeded)
            await emptied(here.cluster)
    started, succeeded = events[2], events[-1]
    assert isinstance(started, AttemptStarted)
    assert (started.runtime, started.notes) == ("kubernetes", NOTES)
    assert isinstance(succeeded, AttemptSucceeded)
    assert [one.name for one in succeeded.artifacts] == ["submission.csv", "report.html", LOG]
    assert here.store.files["a/1/submission.csv"] == b"id,y\n1,2\n"
    assert here.store.files["a/1/report.html"] == b"<p>" * 100_000
    assert here.store.files[f"a/1/{LOG}"] == b"stderr to the log\n"


ASKING = f"""
sys.path.insert(0, {str(ROOT)!r})
import hashlib, urllib.error, urllib.request
from agent.relay import _keys, lead_out
path = os.environ["PODIUM_EGRESS_SOCKET"]
lead_out(os.environ)
key = os.environ["ANTHROPIC_API_KEY"]
again = _keys(path)
answer = urllib.request.urlopen(os.environ["ANTHROPIC_BASE_URL"] + "/models", timeout=20).read()
try:
    urllib.request.urlopen("http://169.254.169.254/latest/meta-data", timeout=20)
    status = 200
except urllib.error.HTTPError as error:
    status = error.code
seen = [hashlib.sha256(key.encode()).hexdigest(), again, answer.decode(), status]
(output / "seen.json").write_text(json.dumps(seen))
(output / "leak.txt").write_text(key)
succeed("seen.json", "leak.txt")
"""


async def test_an_agent_gets_its_keys_once_and_out_to_what_it_may_reach_only(tmp_path: Path) -> None:
    async def models(_: web.Request) -> web.Response:
        return web.Response(text="a model")

    app = web.Application()
    app.router.add_get("/models", models)
    async with TestServer(app) as there:
        url = f"http://127.0.0.1:{there.port}"
        async with world(tmp_path, ASKING, ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=url) as here:
            await schedule(here.log, "a")
            shown: list[str] = []
            async with here.executing():
                await until_true(lambda: here.cluster.objects["pods"])
                shown += [json.dumps(here.cluster.objects[kind]) for kind in ("jobs", "pods")]
                events = await until(here.log, "a", AttemptSucceeded)
    succeeded = events[-1]
    assert isinstance(succeeded, AttemptSucceeded)
    assert [one.name for one in succeeded.artifacts] == ["submission.csv", "seen.json", LOG]
    seen = json.loads(here.store.files["a/1/seen.json"])
    assert seen == [hashlib.sha256(KEY.encode()).hexdigest(), {}, "a model", 403]
    refused = b"stdout egress refused: 169.254.169.254:80 is not on the allow-list\n"
    assert here.store.files[f"a/1/{LOG}"] == refused
    assert EgressRefused(job_id="a", attempt=1, what="169.254.169.254:80 is not on the allow-list") in events
    assert not any(KEY in one for one in shown)
    assert ("get", "secrets") not in here.cluster.asked


STEPS = 60
TALKING = f"""
for step in range({STEPS}):
    say("stage_progressed" if step % 10 else "stage_started", **(
        dict(stage="training", fraction=step / {STEPS}, message="") if step % 10 else dict(stage="training")))
    print("line", step, file=sys.stderr, flush=True)
    time.sleep(0.02)
    if step in (20, 40):
        wait_for({{folder!r}} + f"/go{{step}}")
succeed()
"""


async def test_an_executor_goes_on_with_what_its_predecessor_left_whatever_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost or doubled: not by another process, a cut log, a forgotten version or a busy API."""
    monkeypatch.setattr(pods, "_PAUSE_S", 0.05)
    async with world(tmp_path, TALKING.replace("{folder!r}", repr(str(tmp_path)))) as here:
        here.settings = replace(here.settings, drain_s=0.01)
        await schedule(here.log, "a")
        here.cluster.faults.lost_answers = 2
        here.cluster.faults.answers = [(429, 1), (503, None)]
        async with here.executing() as earlier:
            await until_true(lambda: len(here.lines.kept) > 10)
            earlier.drain()
            await until_true(lambda: not earlier.running)
        assert here.cluster.objects["jobs"]
        async with here.executing():
            await until_true(lambda: len(here.lines.kept) > 20)
            here.cluster.cut_streams()
            (tmp_path / "go20").touch()
            await until_true(lambda: len(here.lines.kept) > 40)
            here.cluster.compact()
            here.cluster.faults.answers = [(500, None), (429, None)]
            (tmp_path / "go40").touch()
            events = await until(here.log, "a", AttemptSucceeded)
    assert [line.text for line in here.lines.kept] == [f"line {step}" for step in range(STEPS)]
    numbers = [event.number for event in events if isinstance(event, StageStarted)]
    assert numbers == [1, 11, 21, 31, 41, 51]
    assert here.store.files["a/1/submission.csv"] == b"id,y\n1,2\n"


async def test_what_a_cluster_does_to_a_pod_is_told_apart_from_what_the_pod_did(tmp_path: Path) -> None:
    disruption = {
        "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
        "message": "made room",
    }  # fmt: skip

    def killed(here: World, pod: dict[str, Any]) -> None:
        here.cluster.node.kill(pod["metadata"]["name"])

    def evicted(here: World, pod: dict[str, Any]) -> None:
        said = 'Usage of EmptyDir volume "output" exceeds the limit "1073741824".'
        here.cluster.node.status(pod, phase="Failed", reason="Evicted", message=said)

    def preempted(here: World, pod: dict[str, Any]) -> None:
        here.cluster.node.status(pod, conditions=[disruption])
        here.cluster.node.delete(pod, 1)

    def vanished(here: World, pod: dict[str, Any]) -> None:
        here.cluster.drop("pods", pod["metadata"]["name"])

    accidents = {"k": killed, "e": evicted, "p": preempted, "v": vanished}
    async with world(tmp_path, 'say("stage_started", stage="training"); time.sleep(600)') as here:
        for job in accidents:
            await schedule(here.log, job)
        async with here.executing():
            for job, happens in accidents.items():
                await until(here.log, job, StageStarted)
                happens(here, here.cluster.pod_of(f"podium-{job}-1"))
            failures = [failure(await until(here.log, job, AttemptFailed)) for job in accidents]
            await until_true(lambda: not here.cluster.objects["jobs"])
    assert [(one.reason, one.retryable) for one in failures] == [
        ("out_of_memory", True),
        ("disk_full", False),
        ("preempted", True),
        ("pod_gone", True),
    ]


async def test_a_pod_that_cannot_start_says_why(tmp_path: Path) -> None:
    async with world(tmp_path, "") as here:
        here.cluster.node.image_there = False
        await schedule(here.log, "a")
        async with here.executing(pending_s=1.0):
            refused = failure(await until(here.log, "a", AttemptFailed))
            here.cluster.node.room = False
            await schedule(here.log, "b")
            crowded = failure(await until(here.log, "b", AttemptFailed))
            await until_true(lambda: not any(here.cluster.objects.values()))
    assert (refused.reason, refused.retryable) == ("image_missing", False)
    assert "podium-agent:1 cannot be pulled (ImagePullBackOff" in refused.message
    assert (crowded.reason, crowded.retryable) == ("not_started", True)
    assert "3 Insufficient cpu" in crowded.message


async def test_a_pod_that_came_and_went_unseen_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_UNSEEN_S", 0.2)
    async with world(tmp_path, 'say("stage_started", stage="training"); time.sleep(600)') as here:
        here.settings = replace(here.settings, drain_s=0.01)
        await schedule(here.log, "a")
        async with here.executing() as earlier:
            await until(here.log, "a", StageStarted)
            earlier.drain()
            await until_true(lambda: not earlier.running)
        here.cluster.drop("pods", here.cluster.pod_of("podium-a-1")["metadata"]["name"])
        failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
        here.cluster.objects["jobs"]["podium-a-1"]["status"] = {"conditions": [failed], "failed": 1}
        async with here.executing():
            events = await until(here.log, "a", AttemptFailed)
    assert (failure(events).reason, failure(events).retryable) == ("pod_gone", True)


async def test_a_cancelled_attempt_and_an_orphan_leave_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, 'say("stage_started", stage="training"); time.sleep(600)') as here:
        runtime = await here.runtime()
        spec = SandboxSpec(
            job_id="orphan", attempt=1, variables={NONCE_VARIABLE: "n"}, cpus=1, memory_bytes=2**30,
            data_dir=None, network=True,
        )  # fmt: skip
        await runtime.start(spec)
        await runtime.close()
        await schedule(here.log, "a")
        async with here.executing():
            events = await until(here.log, "a", StageStarted)
            sequence = (await here.log.read_job("a"))[-1].sequence
            await here.log.append(JobCancelRequested(job_id="a"), expect=JobAt(sequence=sequence))
            events = await until(here.log, "a", AttemptFailed)
            await emptied(here.cluster)
    assert failure(events).reason == "cancelled"


async def test_an_executor_finds_its_cluster_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, "") as here:
        asked = {"PODIUM_RUNTIME": "kubernetes", "PODIUM_EXECUTOR_ID": "one"}
        cluster = read(Environment(asked)).kubernetes
        assert cluster is not None
        told = replace(
            here.settings, kubernetes=replace(cluster, door_host="127.0.0.1", door_port=free_port())
        )
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        with pytest.raises(RuntimeChoiceError, match="no way to a cluster"):
            await choose(told)
        for token, refused in ((TOKEN, False), ("another", True)):
            (tmp_path / "kubeconfig").write_text(json.dumps({
                "clusters": [{"name": "c", "cluster": {"server": here.url}}],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }))  # fmt: skip
            if refused:
                with pytest.raises(RuntimeChoiceError, match=r"does not serve this executor.*Unauthorized"):
                    await choose(told)
                continue
            runtime, closing = await choose(told)
            assert closing is runtime
            assert runtime.facts.runtime == "kubernetes"
            await runtime.ping()
            here.cluster.faults.answers = [(503, None)]
            with pytest.raises(SandboxError, match="kubernetes"):
                await runtime.ping()
            await closing.close()
