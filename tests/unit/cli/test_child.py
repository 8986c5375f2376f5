from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.embedded.child import Child, Spec, backoff_s, leashed

if TYPE_CHECKING:
    from collections.abc import Callable


def spec_of(code: str, folder: Path) -> Spec:
    return Spec(
        name="part",
        command=(sys.executable, "-u", "-c", code),
        environment=os.environ,
        log=folder / "part.log",
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


def test_what_dies_again_and_again_waits_longer_up_to_a_limit():
    assert [backoff_s(deaths) for deaths in (1, 2, 3, 6, 500)] == [0.5, 1, 2, 10, 10]


async def test_what_dies_is_started_again_and_said_to_be(tmp_path: Path):
    child = Child(spec_of("print('here'); raise SystemExit(7)", tmp_path))
    notes: list[str] = []
    keeper = asyncio.create_task(child.keep(notes.append))
    await until(lambda: len(notes) == 2)
    keeper.cancel()
    assert "part ended with exit code 7; it starts again in 0.5 s" in notes[0]
    assert (tmp_path / "part.log").read_text().split() == ["here", "here"]
    assert child.deaths == 2


@pytest.mark.parametrize(
    ("on_term", "code"),
    [("signal.SIG_DFL", -signal.SIGTERM), ("signal.SIG_IGN", -signal.SIGKILL)],
    ids=["obeys", "does not"],
)
async def test_a_child_that_is_stopped_ends(tmp_path: Path, on_term: str, code: int):
    program = f"import signal, time; signal.signal(signal.SIGTERM, {on_term}); print('here'); time.sleep(60)"
    child = Child(spec_of(program, tmp_path))
    notes: list[str] = []
    keeper = asyncio.create_task(child.keep(notes.append))
    await until(lambda: (tmp_path / "part.log").exists() and "here" in (tmp_path / "part.log").read_text())
    await child.stop(timeout_s=0.5)
    await until(lambda: len(notes) == 1)
    keeper.cancel()
    assert f"exit code {code};" in notes[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_a_leashed_command_dies_with_its_parent():
    sleeper = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
    parent = (
        "import os, subprocess, sys; from cli.embedded.child import leashed;"
        f"subprocess.run(leashed({sleeper!r}, parent_pid=os.getpid()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()
        killed_at = time.monotonic()
        # The pipe closes when its last holder, the sleeper, is gone.
        assert process.stdout.read() == b""
    assert time.monotonic() - killed_at < 10


def test_a_command_whose_parent_is_gone_already_does_not_start():
    command = leashed([sys.executable, "-c", "print('here')"], parent_pid=1 << 22)
    assert subprocess.run(command, check=True, capture_output=True).stdout == b""
