"""The whole composition from images made here, in use: a job, a restart, what each container may do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cli.grading import grade
from tests.compose.composition import ROOT, SECRETS, Composition, needed_compose
from tests.e2e.stack import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SLUG = "titanic-passenger-survival"
SERVICES = (
    "engine",
    "executor",
    "gateway",
    "nats",
    "postgres",
    "projector",
    "redis",
    "scheduler",
    "webhooks",
)
SOCKET = "/var/run/docker.sock"

TAKEN_OVER = """
import asyncio, json, os, pathlib, sys
from aiodocker import Docker
from aiodocker.exceptions import DockerError
from aiodocker.volumes import DockerVolume

async def status(call):
    try:
        await call
    except DockerError as error:
        return error.status
    return 200

async def main(neighbour):
    docker, executor = Docker(), os.environ["PODIUM_EXECUTOR_ID"]
    image = {"Image": os.environ["PODIUM_AGENT_IMAGE"]}
    labels = {"podium.job_id": "0" * 32, "podium.attempt": "1", "podium.executor": executor}
    own = {"Name": f"podium-{'0' * 32}-1", "Labels": labels}
    root = {"Name": "x", "DriverOpts": {"type": "none", "device": "/", "o": "bind"}}
    containers, volumes = docker.containers, docker.volumes
    said = {
        "own volume": await status(volumes.create(own)),
        "root volume": await status(volumes.create(root)),
        "privileged": await status(containers.create(image | {"HostConfig": {"Privileged": True}})),
        "host mount": await status(containers.create(image | {"HostConfig": {"Binds": ["/:/host"]}})),
        "neighbour": await status(containers.container(neighbour).show()),
        "all": await status(containers.list(all=True)),
        "info": sorted(await docker.system.info()),
    }
    way = pathlib.Path(os.environ["PODIUM_EGRESS_DIR"], executor, own["Name"], "socket")
    (way / "a link below it").symlink_to("/")
    try:
        way.rename(way.with_name("aside"))
    except OSError as error:
        said["way out"] = type(error).__name__
    said["removed"] = await status(DockerVolume(docker, own["Name"]).delete())
    await docker.close()
    print(json.dumps(said))

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    made = Composition(needed_compose(), tmp_path_factory.mktemp("compose"))
    try:
        made.compose("up", "--detach")
        wait_for(made.is_ready, timeout_s=60, what=lambda: made.compose("logs", "--tail", "20"))
        made.sign_in()
        yield made
    finally:
        made.down()


def ended(composition: Composition, job_id: str) -> dict[str, Any]:
    """The job's view once it has ended."""
    view: dict[str, Any] = {}

    def has_ended() -> bool:
        view.update(composition.http.get(f"/status/{job_id}").raise_for_status().json())
        return view["completed_at"] is not None

    wait_for(has_ended, timeout_s=120, what=lambda: composition.compose("logs", "--tail", "20"))
    return view


def test_a_job_runs_and_its_submission_comes_through_the_gateway(composition: Composition) -> None:
    view = ended(composition, composition.submit(f"local:{SLUG}"))
    assert view["status"] == "success", view
    answer = composition.http.get(f"/jobs/{view['job_id']}/files/submission.csv").raise_for_status()
    assert grade(ROOT / "competitions" / SLUG, answer.content).score > 0.75


def test_after_a_restart_of_the_log_an_attempt_goes_out_by_its_executor(composition: Composition) -> None:
    composition.compose("restart", "nats")
    wait_for(
        lambda: composition.health("nats") == "healthy" and composition.is_ready(),
        timeout_s=60,
        what=lambda: composition.compose("logs", "--tail", "20"),
    )
    view = ended(composition, composition.submit("https://www.kaggle.com/competitions/titanic"))
    assert view["status"] == "failed"
    # What NATS' monitor answered to Kaggle's client, through the socket on the host and the executor.
    assert view["error"]["reason"] == "competition_not_found", view
    assert "404 Client Error: Not Found for url: http://nats:8222/" in view["error"]["message"]
    ways_out = composition.folder / "egress" / composition.executor
    wait_for(lambda: not list(ways_out.iterdir()), timeout_s=10, what=lambda: list(ways_out.iterdir()))


def test_every_service_is_well_and_can_do_no_more_than_it_needs(composition: Composition) -> None:
    written = " ".join(path.read_text() for path in (composition.folder / "secrets").iterdir())
    secrets = {*re.findall(r"p[0-9a-f]{48}", written), *SECRETS.values()}
    assert len(secrets) == len(SECRETS) + 3  # Postgres' and NATS' two
    for service in SERVICES:
        wait_for(
            lambda service=service: composition.health(service) == "healthy",  # type: ignore[misc]
            timeout_s=60,
            what=lambda service=service: composition.compose("logs", "--tail", "20", service),  # type: ignore[misc]
        )
        shown = composition.container(service)
        host = shown["HostConfig"]
        assert shown["Config"]["User"].split(":")[0] not in {"", "0", "root"}, service
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None), service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        assert min(host["Memory"], host["NanoCpus"], host["PidsLimit"]) > 0, service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}, service
        assert not [secret for secret in secrets if secret in json.dumps(shown)], service
        has_socket = SOCKET in {mount["Destination"] for mount in shown["Mounts"]}
        assert (has_socket, host["NetworkMode"] == "none") == (service == "engine",) * 2, service


def test_an_executor_that_is_taken_over_gets_what_attempts_need_and_no_more(composition: Composition) -> None:
    neighbour = composition.container("nats")["Id"]
    assert json.loads(composition.python("executor", "-c", TAKEN_OVER, neighbour)) == {
        "own volume": 200,
        "root volume": 403,
        "privileged": 403,
        "host mount": 403,
        "neighbour": 403,
        "all": 403,
        "info": ["MemTotal", "NCPU"],
        "way out": "PermissionError",
        "removed": 200,
    }
