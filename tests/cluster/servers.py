"""The three NATS servers of the cluster as processes, on loopback, with the configuration that is shipped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from cli.embedded.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy" / "cluster"
NAMES: Final = ("nats-1", "nats-2", "nats-3")
# The name in every server's certificate beside its own.
HOST: Final = "localhost"


class NatsCluster:
    """Servers by name, that a test can kill, freeze and start again, with the secrets made for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in NAMES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.routes = {name: free_port() for name in NAMES}
        self._monitors = {name: free_port() for name in NAMES}
        secrets = folder / "secrets"
        self.certificates = secrets / "certificates"
        subprocess.run([DEPLOY / "make-secrets", secrets], check=True, capture_output=True)
        lines = (secrets / "nats_cluster_passwords").read_text().splitlines()
        self.passwords = dict(line.split("=", 1) for line in lines)

    def start(self, name: str) -> None:
        """Start a server, with the files where its container has them."""
        home = self._folder / name
        home.mkdir(exist_ok=True)
        for made, wanted in (
            ("ca.crt", "ca.crt"),
            (f"{name}.crt", "server.crt"),
            (f"{name}.key", "server.key"),
        ):
            shutil.copy(self.certificates / made, home / wanted)
        with (home / "log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._command(name),
                cwd=home,
                env={**os.environ, **self.passwords, "NATS_NAME": name, "NATS_DATA": str(home / "data")},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _command(self, name: str) -> Sequence[str]:
        """The configuration, but for addresses."""
        instead = {
            "--addr": "127.0.0.1",
            "--port": str(self._ports[name]),
            "--http_port": str(self._monitors[name]),
            "--cluster": f"nats://127.0.0.1:{self.routes[name]}",
            "--cluster_advertise": f"{HOST}:{self.routes[name]}",
            "--routes": ",".join(f"tls://{HOST}:{port}" for port in self.routes.values()),
        }
        program = Path(sys.executable).with_name("nats-server")
        words = [word for pair in instead.items() for word in pair]
        return [str(program), "--config", str(DEPLOY / "nats.conf"), *words]

    def is_healthy(self, name: str) -> bool:
        """What its container's health check asks."""
        try:
            return httpx.get(f"http://127.0.0.1:{self._monitors[name]}/healthz").is_success
        except httpx.TransportError:
            return False

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def freeze(self, name: str) -> None:
        """A server that answers nothing and whose connections stay open, as one that is cut off."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for name in list(self._processes):
            self.kill(name)

    def url(self, user: str, servers: Sequence[str] = NAMES) -> str:
        """As ``deploy/cluster/make-secrets`` writes it, on other ports."""
        password = self.passwords[f"NATS_{user.upper()}_PASSWORD"]
        return ",".join(f"tls://{user}:{password}@{HOST}:{self._ports[name]}" for name in servers)

    def settings(self, user: str) -> Mapping[str, str]:
        """What a service or a command is told, to connect as a user."""
        return {
            "NATS_URL": self.url(user),
            "PODIUM_NATS_CA_FILE": str(self.certificates / "ca.crt"),
            "PODIUM_NATS_CERT_FILE": str(self.certificates / f"{user}.crt"),
            "PODIUM_NATS_KEY_FILE": str(self.certificates / f"{user}.key"),
            "PODIUM_NATS_REPLICAS": str(len(NAMES)),
        }

    def name_at(self, port: int | None) -> str:
        """The server whose clients connect to a port."""
        return next(name for name, own in self._ports.items() if own == port)
