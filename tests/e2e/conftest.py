"""What end-to-end tests share: competitions without their answers, and a Docker that is there or not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.embedded.image import agent_image

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "competitions"
SHARED = ROOT.parent / "shared" / "competitions"

AGENT_IMAGE = agent_image()


@pytest.fixture
def docker_image() -> str:
    """The agent's image, where a Docker daemon answers and has it."""
    reason = _why_no_docker()
    if reason and os.environ.get("PODIUM_REQUIRE_DOCKER"):
        pytest.fail(f"Docker is required here: {reason}")
    if reason:
        pytest.skip(reason)
    return AGENT_IMAGE


def _why_no_docker() -> str | None:
    if shutil.which("docker") is None:
        return "no docker command on this machine"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "no Docker daemon answers"
    found = subprocess.run(["docker", "image", "inspect", AGENT_IMAGE], capture_output=True, check=False)
    return f"no image {AGENT_IMAGE}: make image" if found.returncode else None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A stack's folder, with the bundled competitions' public files."""
    for competition in BUNDLED.iterdir():
        if competition.is_dir():
            publish(competition, tmp_path)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def shared_competition(home: Path) -> Callable[[str], Path]:
    """Puts the public files of a competition of ../shared into the stack's folder; gives its whole folder."""

    def whole(slug: str) -> Path:
        if not (SHARED / slug).is_dir():
            pytest.skip(f"../shared/competitions/{slug} is not here")
        publish(SHARED / slug, home)
        return SHARED / slug

    return whole


def publish(competition: Path, home: Path) -> None:
    """Put a competition's public files, and nothing else of it, into a stack's folder."""
    target = home / "competitions" / competition.name / "public"
    shutil.copytree(competition / "public", target, copy_function=shutil.copyfile)


def grade(slug: str, submission: Path) -> dict[str, Any]:
    """What the independent grader of ../shared says of a submission."""
    run = subprocess.run(
        [sys.executable, str(SHARED / "grade.py"), slug, str(submission)], capture_output=True, check=False
    )
    verdict: dict[str, Any] = json.loads(run.stdout)
    return verdict
