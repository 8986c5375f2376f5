"""A script is run without secrets or network, within its time, and nothing of it outlives its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import child


def run(tmp_path: Path, code: str, *, timeout_s: float = 20.0) -> tuple[child.Ended, list[str | None]]:
    script = tmp_path / "script.py"
    script.write_text(code)
    heard: list[str | None] = []
    ended = child.run(
        [str(script)],
        folder=tmp_path,
        environment=child.bare_environment(os.environ, 1),
        bwrap=None,
        timeout_s=timeout_s,
        hear=heard.append,
    )
    return ended, heard


def gone(pid: int) -> bool:
    """Whether a process ends within two seconds; one that only waits to be reaped counts as ended."""
    for _ in range(40):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_lines_are_cleaned_and_cut(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.buffer.write(b'\\x1b[31mred\\x07\\xff\\n' + b'x' * 5000 + b'\\nend\\n')"
    ended, heard = run(tmp_path, code)
    assert ended.exit_code == 0
    assert heard == ["[31mred \ufffd", "x" * child.LINE_CHARS_MAX, "end"]


def test_no_secret_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    _, heard = run(tmp_path, "import os; print(sorted(os.environ))")
    assert "KAGGLE_KEY" not in str(heard)
    assert "PATH" in str(heard)


def test_a_failure_keeps_the_end_of_stderr(tmp_path: Path) -> None:
    ended, _ = run(tmp_path, "import sys; sys.stderr.write('x' * 100_000); raise ValueError('the cause')")
    assert ended.exit_code == 1
    assert ended.error_tail.rstrip().endswith("ValueError: the cause")
    assert len(ended.error_tail) < 10_000


def test_a_script_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    started = time.monotonic()
    ended, heard = run(tmp_path, code, timeout_s=3.0)
    assert ended.timed_out
    assert time.monotonic() - started < 15
    assert gone(int(heard[0] or 0))
    assert None in heard  # silence was told of


def test_a_grandchild_that_holds_the_pipes_open_holds_nothing_up(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    started = time.monotonic()
    ended, _ = run(tmp_path, code, timeout_s=60.0)
    assert not ended.timed_out
    assert time.monotonic() - started < 30


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_script_cannot_read_what_the_agent_was_told(tmp_path: Path) -> None:
    """The agent as a process of its own, as this test's own memory must stay readable to debuggers."""
    (tmp_path / "spy.py").write_text("import os\nprint(open(f'/proc/{os.getppid()}/environ').read())")
    code = (
        "import os, pathlib, sys; from agent import child; from agent.__main__ import hide_environment\n"
        "hide_environment()\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "said = child.run([str(folder / 'spy.py')], folder=folder, timeout_s=20, hear=print,\n"
        "                 environment=child.bare_environment(os.environ, 1), bwrap=None)\n"
        "print(said.error_tail)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"], "KAGGLE_KEY": "the-secret"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the-secret" not in told.stdout
    assert "PermissionError" in told.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_a_script_without_network_reaches_nobody(tmp_path: Path) -> None:
    code = "import socket\nfor _, name in socket.if_nameindex(): print(name)"
    ended, heard = run(tmp_path, code)
    if not ended.network_cut:
        pytest.skip("this kernel does not let a process give up its network")
    assert [name for name in heard if name not in {"lo", None}] == []
