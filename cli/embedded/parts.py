"""What the supervisor starts: the commands and environments of the servers and services of one stack."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.embedded.child import Spec
from cli.embedded.image import agent_image
from cli.embedded.servers import nats_command, valkey_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.embedded.home import Home, Remembered

ROOT: Final = Path(__file__).resolve().parents[2]
"""The folder that holds Podium's packages, its migrations and its bundled competitions."""

SERVICES: Final = ("projector", "gateway", "scheduler", "executor", "webhooks")


def module_command(name: str) -> tuple[str, ...]:
    """Run one of Podium's modules; -P, because the folder that we are in may hold one of the same name."""
    return (sys.executable, "-P", "-m", name)


def importable(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which `module_command` finds Podium from any folder."""
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": ":".join(path for path in paths if path)}


def server_specs(
    home: Home, environment: Mapping[str, str], *, nats_port: int, valkey_port: int
) -> tuple[Spec, ...]:
    """The servers that are children; PostgreSQL, which is none, is started by its library."""
    commands = {
        "nats": nats_command(home.folder / "nats", nats_port, accounts=True),
        "valkey": valkey_command(home.folder / "valkey", valkey_port),
    }
    told = {
        **environment,
        "NATS_PASSWORD": home.nats_password(),
        # Nobody has to know it: here whoever names no user is the reader.
        "NATS_READER_PASSWORD": f"p{secrets.token_hex(24)}",
    }
    return tuple(
        Spec(name=name, command=tuple(command), environment=told, log=home.log_of(name))
        for name, command in commands.items()
    )


def service_specs(
    home: Home, environment: Mapping[str, str], names: Sequence[str] = SERVICES
) -> tuple[Spec, ...]:
    """The services, each a child of its own."""
    return tuple(
        Spec(
            name=name,
            command=module_command(f"services.{name}"),
            environment=importable(environment),
            log=home.log_of(name),
        )
        for name in names
    )


def service_environment(
    caller: Mapping[str, str],
    *,
    home: Home,
    remembered: Remembered,
    nats_url: str,
    redis_url: str,
    database_url: str,
) -> dict[str, str]:
    """The services' settings: the stack's own addresses and folders, over what the caller has set."""
    defaults = {
        "PODIUM_HOST": "127.0.0.1",
        "PODIUM_SUBMITS_PER_MINUTE": "0",
        "PODIUM_READS_PER_MINUTE": "0",
        "PODIUM_AGENT_IMAGE": agent_image(),
        # Whoever takes a stack down wants it down: nothing is waited for, and no attempt left to run.
        "PODIUM_DRAIN_S": "0",
    }
    read_only = {} if home.imported() is None else {"PODIUM_READ_ONLY": "1"}
    fixed = {
        "NATS_URL": nats_url,
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "PODIUM_HOME": str(home.folder),
        "PODIUM_PORT": str(remembered.gateway_port),
        "PODIUM_COMPETITIONS_DIR": str(home.competitions),
        "PODIUM_WORK_DIR": str(home.work),
        "PODIUM_EXECUTOR_ID": remembered.executor_id,
    }
    return {**defaults, **caller, **fixed, **read_only}
