from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from cli.__main__ import podium as program
from cli.embedded.servers import free_port
from tests.unit.cli.command import podium

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("jobs",), 3, "No stack runs in "),
        (("run", "local:x", "--budget", "soon"), 2, "'soon' is no span of time"),
        (("run", "./nowhere"), 2, "./nowhere is neither a folder here nor an address."),
        (("fly",), 2, "No such command 'fly'."),
        (("status",), 2, "Missing argument 'JOB'."),
    ],
)
def test_an_error_is_a_line_and_a_hint(tmp_path: Path, words: tuple[str, ...], code: int, error: str):
    ended = podium(*words, home=tmp_path)
    assert (ended.returncode, ended.stdout) == (code, "")
    line, hint = ended.stderr.splitlines()
    assert line.startswith("podium: ")
    assert error in line
    assert hint.startswith("  hint: ")


def test_an_address_that_is_none_is_named(tmp_path: Path):
    ended = podium("jobs", home=tmp_path, url="http://podium:port")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "http://podium:port is no address of a gateway" in ended.stderr


def test_a_gateway_that_does_not_answer_is_named(tmp_path: Path):
    url = f"http://127.0.0.1:{free_port()}"
    ended = podium("jobs", home=tmp_path, url=url)
    assert ended.returncode == 3
    assert f"The gateway at {url} does not answer" in ended.stderr


def test_the_version_is_the_projects(tmp_path: Path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    command = [sys.executable, "-m", "cli", "--version"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout == f"podium {version}\n"


def commands(of: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command by its words, those of groups included."""
    if not isinstance(of, click.Group):
        yield name, of
        return
    context = click.Context(of)
    for word in of.list_commands(context):
        found = of.get_command(context, word)
        assert found is not None
        yield from commands(found, f"{name} {word}")


def test_every_command_speaks_json_and_is_on_its_page():
    page = (ROOT / "docs" / "command-line.md").read_text()
    for name, command in commands(program, "podium"):
        assert any("--json" in one.opts for one in command.params), name
        assert f"`{name.removeprefix('podium ')}" in page, name


@pytest.mark.parametrize(
    ("shell", "words", "told"),
    [
        ("bash", "podium re", "plain,replay\n"),
        ("zsh", "podium re", "plain\nreplay\n"),
        ("fish", "podium re", "plain,replay\tShow"),
        ("bash", "podium jobs --sea", "plain,--search\n"),
        ("bash", "podium jobs --status canc", "plain,cancelled\n"),
    ],
)
def test_a_shell_can_complete_what_is_typed(tmp_path: Path, shell: str, words: str, told: str):
    last = words.rpartition(" ")[2]
    place = last if shell == "fish" else str(len(words.split()) - 1)
    asked = {"_PODIUM_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": place}
    assert told in podium(home=tmp_path, more=asked).stdout


def test_alone_it_tells_what_to_type(tmp_path: Path):
    ended = podium(home=tmp_path)
    assert ended.returncode == 0
    assert "podium demo" in ended.stdout
    assert "podium run https://www.kaggle.com/competitions/titanic" in ended.stdout
