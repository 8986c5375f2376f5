"""Each attack where there is no container: with namespaces, and where the kernel lets nobody make any."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.walls import readable_places, walled
from services.bubblewrap import bwrap_path
from tests.attacks.claims import ATTACKS, assert_held, seconds_for

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="namespaces, Landlock and seccomp are Linux's"
)

ROOT = Path(__file__).parents[2]
ALONE = [attack for attack in ATTACKS if attack != "hog"]
"""The one that takes all memory is left to a container: here it would be the whole machine's."""

OWN = {"own-net", "own-pid", "own-mnt", "own-ipc", "own-uts", "own-user"}
NO_MORE_NAMESPACES = ("--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--")


def all_tried(folder: Path, bwrap: Path) -> dict[str, dict[str, Any]]:
    """What comes of each attack, all of them at once."""
    scripts = {attack: ROOT / "tests" / "attacks" / f"{attack}.py" for attack in ALONE}
    return ends(
        {
            attack: started(folder / attack, bwrap, script, seconds_for(attack))
            for attack, script in scripts.items()
        }
    )


def ends(drivers: dict[str, subprocess.Popen[str]]) -> dict[str, dict[str, Any]]:
    said = {}
    for attack, driver in drivers.items():
        out, error = driver.communicate(timeout=120)
        assert driver.returncode == 0, error
        said[attack] = json.loads(out.splitlines()[-1])
    return said


def started(
    folder: Path, bwrap: Path, script: Path, seconds: float, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    names = ("PODIUM_OUTPUT_DIR", "PODIUM_WORK_DIR", "PODIUM_DATA_DIR", "TMPDIR", "HOME")
    folders = {name: str(folder / name) for name in names}
    for path in folders.values():
        Path(path).mkdir(parents=True)
    secrets = {"KAGGLE_KEY": "canary-of-kaggle", "ANTHROPIC_API_KEY": "canary-of-anthropic"}
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.attacks.driver", str(script), str(seconds)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PODIUM_BWRAP": str(bwrap), **secrets, **folders},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def bwrap() -> Path:
    """One that works: where a user may make no namespaces there is nothing to try, or to take away."""
    path = bwrap_path()
    assert path is not None
    ran = subprocess.run(
        [path, *NO_MORE_NAMESPACES, path, "--version"], capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        pytest.skip(f"no user namespaces here: {ran.stderr.strip()}")
    return path


def test_every_attack_is_held_in_namespaces_of_its_own(tmp_path: Path, bwrap: Path) -> None:
    for attack, said in all_tried(tmp_path, bwrap).items():
        assert_held(attack, said)
        assert set(said["granted"]) >= OWN
        assert (said["trouble"], said["refusal"]) == ("", None)


def test_every_attack_is_held_without_namespaces_but_no_model_s_script_runs(tmp_path: Path) -> None:
    for attack, said in all_tried(tmp_path, tmp_path / "no-bwrap").items():
        assert_held(attack, said)
        assert OWN.isdisjoint(said["granted"])
        assert "There are no namespaces of its own here: " in said["refusal"]


def test_a_kernel_that_refuses_namespaces_is_found_out(tmp_path: Path, bwrap: Path) -> None:
    script = ROOT / "tests" / "attacks" / "spy.py"
    [said] = ends({"spy": started(tmp_path, bwrap, script, 20.0, (str(bwrap), *NO_MORE_NAMESPACES))}).values()
    assert_held("spy", said)
    assert "There are no namespaces of its own here: bwrap: " in said["refusal"]


def test_namespaces_hold_by_themselves_on_a_kernel_without_landlock_and_seccomp(
    tmp_path: Path, bwrap: Path
) -> None:
    script = ROOT / "tests" / "attacks" / "roam.py"
    walls = walled(bwrap, folder=str(tmp_path), readable=readable_places({}, (str(script),)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as somebody:
        somebody.bind("\0podium-test")
        ran = subprocess.run([*walls, sys.executable, script], capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    assert json.loads(ran.stdout) == {
        "written": sorted(["/dev/shm", str(tmp_path)]),
        "reached": [],
        "processes": 2,
        "capabilities": 0,
        "user": 65534,
        "host": "podium",
    }


def test_an_agent_that_is_killed_outright_leaves_nothing_that_runs(tmp_path: Path, bwrap: Path) -> None:
    script = tmp_path / "lingers.py"
    script.write_text("import os, time\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(60)\n")
    driver = started(tmp_path, bwrap, script, 60.0)
    scratch = str(tmp_path / "TMPDIR" / "script-")
    while len({os.getsid(pid) for pid in running(scratch)}) < 2:
        assert driver.poll() is None
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    deadline = time.monotonic() + 10
    while running(scratch):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def running(words: str) -> list[int]:
    """The processes with these words in their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended as it was looked at.
    return found
