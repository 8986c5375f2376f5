"""What must be true of each attack, wherever it ran: in a container or as a plain process."""

from __future__ import annotations

from typing import Any, Final

_SECONDS: Final = 20.0
_HANG_S: Final = 2.0

ATTACKS: Final = ("spy", "network", "files", "output", "daemon", "hang", "bomb", "hog", "fill")


def seconds_for(attack: str) -> float:
    """What an attack may take; the driver is told to stop it then."""
    return _HANG_S if attack == "hang" else _SECONDS


def assert_held(attack: str, said: dict[str, Any]) -> None:
    """The attack broke nothing, ended in time, and left nothing that runs or lies about."""
    lines = said["lines"]
    assert {"files", "no-network"} <= set(said["granted"])
    assert [line for line in lines if line.startswith("BROKE")] == []
    assert said["running"] == []
    assert said["left"] == []
    assert said["seconds"] < seconds_for(attack) + 15
    assert "canary-of-" not in str(said)
    _ENDS[attack](said)


def _spy(said: dict[str, Any]) -> None:
    assert said["exit_code"] == 0, said["error_tail"]
    assert sum(line.startswith("HELD environ of") for line in said["lines"]) >= 1
    assert any(line.startswith("HELD ptrace") for line in said["lines"])


def _network(said: dict[str, Any]) -> None:
    assert said["exit_code"] == 0, said["error_tail"]
    assert "FINE a pair of its own" in said["lines"]
    assert sum(line.startswith("HELD") for line in said["lines"]) >= 26


def _files(said: dict[str, Any]) -> None:
    assert said["exit_code"] == 0, said["error_tail"]
    assert said["files"] == ["giant.csv", "plain.csv"]
    assert "HELD sparse giant File too large" in said["lines"]


def _output(said: dict[str, Any]) -> None:
    assert all(len(line) <= 300 and line.isprintable() for line in said["lines"])
    assert said["lines"][-1] == "end"


def _daemon(said: dict[str, Any]) -> None:
    assert sum(line.startswith("daemon") for line in said["lines"]) == 3


def _hang(said: dict[str, Any]) -> None:
    assert said["overran"] == "time"
    assert said["lines"] == ["here to stay"]


def _bomb(said: dict[str, Any]) -> None:
    # On a slow machine so many have come by the first look that they are too much memory as well.
    assert said["overran"] in {"processes", "time", "memory"}
    assert said["lines"] == ["forking"]


def _hog(said: dict[str, Any]) -> None:
    assert said["overran"] == "memory" or said["exit_code"] != 0
    assert "HELD 100 GB" in said["lines"]
    assert "eating" in said["lines"]


def _fill(said: dict[str, Any]) -> None:
    # A bound of ours, or the kernel's on memory, where the folder lies in memory.
    assert said["exit_code"] == -9


_ENDS: Final = {
    "spy": _spy,
    "network": _network,
    "files": _files,
    "output": _output,
    "daemon": _daemon,
    "hang": _hang,
    "bomb": _bomb,
    "hog": _hog,
    "fill": _fill,
}
