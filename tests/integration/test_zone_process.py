"""Each attack where there is no container: the agent's child is kept in by the same means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.claims import ATTACKS, SECONDS, assert_held

ROOT = Path(__file__).parents[2]
ALONE = [attack for attack in ATTACKS if attack != "hog"]
"""The one that takes all memory is left to a container: here it would be the whole machine's."""


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
@pytest.mark.parametrize("attack", ALONE)
def test_an_attack_is_held(tmp_path: Path, attack: str) -> None:
    folders = {
        name: str(tmp_path / name) for name in ("PODIUM_OUTPUT_DIR", "PODIUM_WORK_DIR", "TMPDIR", "HOME")
    }
    for folder in folders.values():
        Path(folder).mkdir()
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.attacks.driver",
            str(ROOT / "tests/attacks" / f"{attack}.py"),
            str(SECONDS),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "KAGGLE_KEY": "canary-of-kaggle", **folders},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert_held(attack, json.loads(ran.stdout.splitlines()[-1]))
