"""The file that says that a service keeps up, as a health check reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from services.pulse import is_alive

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fresh_touch_is_life_and_an_old_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    assert not is_alive(file, age_s_max=30, now_s=1000)
    file.touch()
    os.utime(file, (1000, 1000))
    assert is_alive(file, age_s_max=30, now_s=1030)
    assert not is_alive(file, age_s_max=30, now_s=1031)


def test_the_check_says_so_by_its_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    check = [sys.executable, "-m", "services.pulse", str(file), "60"]
    assert subprocess.run(check, check=False).returncode == 1
    file.touch()
    assert subprocess.run(check, check=False).returncode == 0
