"""A compose file as somebody runs it, on images of Debian's packages and wheels, under a name of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from cli.embedded.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
SECRETS = {
    "KAGGLE_USERNAME": "canary-user-5d1f",
    "KAGGLE_KEY": "canary0kaggle0key0of0thirty2chars",
}


def compose_command() -> Sequence[str] | None:
    """Compose as Docker's plugin or as a program of its own, whichever is here; None: neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        try:
            if subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    return None


def needed_compose(*, daemon: bool = True) -> Sequence[str]:
    """Compose for a test, with a `daemon` to start containers; without, the test is skipped, or fails where
    Docker is required.
    """
    compose, reason = compose_command(), None
    if compose is None:
        reason = "neither docker compose nor docker-compose is here"
    elif daemon and (shutil.which("docker") is None or _fails(["docker", "info"])):
        reason = "no Docker daemon answers"
    if compose is not None and reason is None:
        return compose
    if os.environ.get("PODIUM_REQUIRE_DOCKER"):
        pytest.fail(str(reason))
    pytest.skip(str(reason))


def _fails(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def run(command: Sequence[str], **settings: Any) -> str:
    """What a command prints; one that fails raises with what it said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **settings)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"[-6000:])
    return done.stdout


class Composition:
    """All services, up to the moment it is taken down; `http` is a client of its gateway.

    `make_secrets` is the script that comes with the `file`, `settings` are what else its .env says.
    """

    def __init__(
        self,
        compose: Sequence[str],
        folder: Path,
        *,
        file: str = "compose.yaml",
        make_secrets: str = "deploy/make-secrets",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.executor = f"compose-{uuid4().hex[:8]}"
        self.folder = folder
        self._project = f"podium-{self.executor}"
        port = free_port()
        run([make_secrets, str(folder / "secrets")], env={**os.environ, **SECRETS})
        told = {
            **_images(),
            "COMPOSE_PROJECT_NAME": self._project,
            "DOCKER_GID": str(Path("/var/run/docker.sock").stat().st_gid),
            "PODIUM_SECRETS_DIR": str(folder / "secrets"),
            "PODIUM_EGRESS_DIR": str(folder / "egress"),
            "PODIUM_COMPETITIONS_DIR": str(ROOT / "competitions"),
            "PODIUM_EXECUTOR_ID": self.executor,
            "PODIUM_PORT": str(port),
            # Some server that only the executor reaches, and that knows nothing of Kaggle.
            "KAGGLE_API_ENDPOINT": "http://nats:8222",
            **(settings or {}),
        }
        (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in told.items()))
        self._compose = [*compose, "--env-file", str(folder / "env"), "--file", file]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def compose(self, *words: str) -> str:
        """Run compose on it; what it prints."""
        return run([*self._compose, *words])

    def container(self, service: str) -> dict[str, Any]:
        """What the Engine says of a service's container."""
        # Not by `compose ps`: the older Compose takes two seconds to begin with.
        labels = {"project": self._project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        found = run(["docker", "ps", "--all", "--quiet", *filters]).split()
        shown: list[dict[str, Any]] = json.loads(run(["docker", "inspect", *found]))
        return shown[0]

    def network(self, name: str) -> str:
        """What Docker calls one of its networks."""
        return f"{self._project}_{name}"

    def address(self, service: str, network: str) -> str:
        """A service's IP address in one of its networks, as this machine reaches it."""
        found: str = self.container(service)["NetworkSettings"]["Networks"][self.network(network)][
            "IPAddress"
        ]
        return found

    def health(self, service: str) -> str:
        """Of a service's container; "" where it has none."""
        status: str = self.container(service)["State"].get("Health", {}).get("Status", "")
        return status

    def sign_in(self) -> None:
        """Make a key, as the first user does, and use it from now on."""
        words = ("-m", "cli", "keys", "create", "--name", "test", "--admin", "--json")
        made = json.loads(self.python("gateway", *words))
        self.http.headers["Authorization"] = f"Bearer {made['token']}"

    def python(self, service: str, *words: str) -> str:
        """What Python prints that runs in a service's container, as its user."""
        container = self.container(service)["Id"]
        return run(["docker", "exec", container, "/opt/venv/bin/python", *words])

    def submit(self, url: str) -> str:
        """Ask for a competition to be solved; the job's id."""
        answer = self.http.post("/run", json={"kaggle_url": url, "budget_s": 40})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    def is_ready(self) -> bool:
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def down(self) -> None:
        """Take it down with all that it left, attempts included; what its services said stays in a file."""
        self.http.close()
        (self.folder / "log").write_text(self.compose("logs", "--no-color"))
        self.compose("down", "--volumes", "--timeout", "5")
        for listing, remove in ((["ps", "-aq"], ["rm"]), (["volume", "ls", "-q"], ["volume", "rm"])):
            left = [
                one
                for executor in (self.executor, f"{self.executor}-1", f"{self.executor}-2")
                for one in run(["docker", *listing, "--filter", f"label=podium.executor={executor}"]).split()
            ]
            if left:
                run(["docker", *remove, "--force", *left])


def _images() -> Mapping[str, str]:
    """The images of the sources at hand, built where they are not there; by id, whoever moves their tags."""
    lines = run(["deploy/airgap/build"]).split()
    tags = dict(line.split("=", 1) for line in lines)
    return {
        name: run(["docker", "image", "inspect", "--format", "{{.Id}}", tag]).strip()
        for name, tag in tags.items()
    }
