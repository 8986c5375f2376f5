"""Images that others build are named by digest, and everywhere by the same one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = ("compose.yaml", "compose.cluster.yaml")
PUBLIC = re.compile(r"(?:nats|postgres|redis|haproxy):[\w.-]+(?:@sha256:[0-9a-f]{64})?")


def public_images(path: Path) -> set[str]:
    lines = (line for line in path.read_text().splitlines() if "image:" in line or "_IMAGE=" in line)
    return {found for line in lines for found in PUBLIC.findall(line)}


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_runs_what_the_example_settings_name(name: str) -> None:
    images = public_images(ROOT / name)
    assert len(images) == (4 if "cluster" in name else 3)
    assert images <= public_images(ROOT / ".env.example")


def test_every_public_image_is_named_by_a_digest() -> None:
    files = [*(ROOT / name for name in COMPOSE), *(ROOT / "deploy" / "kubernetes").glob("4*.yaml")]
    images = set[str]().union(*map(public_images, files))
    assert {image.partition(":")[0] for image in images} == {"nats", "postgres", "redis", "haproxy"}
    assert len(images) == 4, "one build of each"
    assert all("@sha256:" in image for image in images)
    base = (ROOT / "deploy" / "base-image").read_text()
    assert re.search(r"^readonly PUBLIC=\S+@sha256:[0-9a-f]{64}$", base, re.MULTILINE)
