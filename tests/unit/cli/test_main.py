from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.embedded.servers import free_port

ROOT = Path(__file__).parents[3]


def podium(
    *words: str, home: Path, url: str = "", more: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PODIUM_HOME": str(home), "PODIUM_URL": url, "PYTHONPATH": str(ROOT)}
    environment |= more or {}
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_a_gateway_that_does_not_answer_is_named(tmp_path: Path):
    url = f"http://127.0.0.1:{free_port()}"
    ended = podium("jobs", home=tmp_path, url=url)
    assert ended.returncode == 3
    assert f"The gateway at {url} does not answer" in ended.stderr


def test_the_version_is_the_projects(tmp_path: Path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert podium("--version", home=tmp_path).stdout == f"podium {version}\n"


def test_a_shell_can_complete_commands(tmp_path: Path):
    asked = {"_PODIUM_COMPLETE": "bash_complete", "COMP_WORDS": "podium re", "COMP_CWORD": "1"}
    assert podium(home=tmp_path, more=asked).stdout == "plain,replay\n"


def test_alone_it_tells_what_to_type(tmp_path: Path):
    ended = podium(home=tmp_path)
    assert ended.returncode == 0
    assert "podium demo" in ended.stdout
    assert "podium run https://www.kaggle.com/competitions/titanic" in ended.stdout
