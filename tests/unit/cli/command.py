"""Runs `podium` as a shell would, but in this process: an interpreter of its own takes seconds to start."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import msgspec
from click.testing import CliRunner

from cli.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    returncode: int
    stdout: str
    stderr: str


def podium(*words: str, home: Path, url: str = "", more: dict[str, str] | None = None) -> Ended:
    environment = {"PODIUM_HOME": str(home), "PODIUM_URL": url, **(more or {})}
    with contextlib.chdir(home), CliRunner().isolation(env=environment) as (stdout, stderr, _):
        try:
            main(words)
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        return Ended(returncode=code, stdout=stdout.getvalue().decode(), stderr=stderr.getvalue().decode())
