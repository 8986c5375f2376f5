from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.embedded.home import Home, Remembered, Stack
from podium.errors import StackError

STACK = Stack(
    pid=1,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    gateway_url="http://127.0.0.1:1",
    nats_url="nats://podium:secret@127.0.0.1:2",
    events_url="nats://127.0.0.1:2",
    redis_url="redis://127.0.0.1:3/0",
    database_url="postgresql://postgres:@/postgres?host=/tmp/x",
)


def test_a_stack_is_there_from_its_announcement_until_its_supervisor_lets_go(tmp_path: Path):
    home, visitor = Home(tmp_path / "home"), Home(tmp_path / "home")
    assert visitor.stack() is None
    with home.held():
        assert visitor.stack() is None
        assert visitor.supervisor_pid() == os.getpid()
        home.announce(STACK)
        assert visitor.stack() == STACK
    assert visitor.stack() is None
    assert visitor.supervisor_pid() is None


def test_a_second_supervisor_is_refused(tmp_path: Path):
    with Home(tmp_path).held():
        with pytest.raises(StackError, match=rf"already \(process {os.getpid()}\)"), Home(tmp_path).held():
            pass
        assert Home(tmp_path).supervisor_pid() == os.getpid()


def test_the_stack_of_a_killed_supervisor_is_not_there(tmp_path: Path):
    code = (
        "import os, pathlib, signal, sys; from cli.embedded.home import Home;"
        "from tests.unit.cli.test_home import STACK; home = Home(pathlib.Path(sys.argv[1]));"
        "holding = home.held(); holding.__enter__(); home.announce(STACK);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False)
    assert (tmp_path / "stack.json").exists()
    assert Home(tmp_path).stack() is None
    with Home(tmp_path).held():
        assert not (tmp_path / "stack.json").exists()


def test_what_a_start_chose_is_remembered(tmp_path: Path):
    remembered = Remembered(executor_id="embedded-1", gateway_port=8080, nats_port=4222)
    assert Home(tmp_path).remembered() is None
    Home(tmp_path).remember(remembered)
    assert Home(tmp_path).remembered() == remembered
