"""Where the stack is: its home folder and its gateway, from options and the environment."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from pathlib import Path

from cli.embedded.home import Home
from cli.embedded.parts import ROOT
from podium.errors import StackError, UsageError
from services.environment import Environment, SettingError


def home_at(folder: Path | None) -> Home:
    """The home that was named, or else $PODIUM_HOME, or else ./.podium."""
    return Home(folder or Path(os.environ.get("PODIUM_HOME") or ".podium"))


def gateway_url(home: Home) -> str:
    """$PODIUM_URL, or else the gateway of the stack in `home`.

    Raises:
        StackError: there is neither.
    """
    url = os.environ.get("PODIUM_URL")
    if url:
        return url
    stack = home.stack()
    if stack is None:
        raise StackError(
            f"No stack runs in {home.folder}.",
            hint="Start one with `podium up`, or set PODIUM_URL to the address of another one's gateway.",
        )
    return stack.gateway_url


def api_key() -> str | None:
    """$PODIUM_API_KEY, or what is in the file that $PODIUM_API_KEY_FILE names; None without.

    Raises:
        UsageError: it cannot be read, or can be no key.
    """
    try:
        key = Environment(os.environ).optional("PODIUM_API_KEY")
    except SettingError as error:
        raise UsageError(f"{error}.") from error
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UsageError("PODIUM_API_KEY holds characters that no key has.")
    return key


def nats_url(folder: Path | None) -> str:
    """$NATS_URL, or what is in its file, or else the NATS of the stack in a home; a home that is named wins.

    Raises:
        StackError: there is neither.
        UsageError: the file cannot be read.
    """
    url = given_nats_url(folder)
    if url is not None:
        return url
    home = home_at(folder)
    stack = home.stack()
    if stack is None:
        raise StackError(
            f"No stack runs in {home.folder}.",
            hint="Set NATS_URL to the address of a NATS, or name the folder of a running stack by --home.",
        )
    return stack.nats_url


def given_nats_url(folder: Path | None) -> str | None:
    """$NATS_URL, or what is in its file; None without, and where a home was named.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        return None if folder else Environment(os.environ).optional("NATS_URL")
    except SettingError as error:
        raise UsageError(f"{error}.") from error


def replicas() -> int:
    """$PODIUM_NATS_REPLICAS: how many copies a stream gets that a command makes.

    Raises:
        UsageError: it is no such number.
    """
    try:
        return Environment(os.environ).integer("PODIUM_NATS_REPLICAS", 1, at_least=1)
    except SettingError as error:
        raise UsageError(f"{error}.") from error


def podium_command() -> str:
    """How this program is called from the folder that we are in."""
    beside = Path(sys.executable).with_name("podium")
    if shutil.which("podium"):
        return "podium"
    if not beside.exists():
        return f"{sys.executable} -m cli"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def podium_version() -> str:
    """The version that the sources beside this program say they are of."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
