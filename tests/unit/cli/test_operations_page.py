"""What the page on operations tells somebody to look at or to type is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cli.__main__ import podium

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "operations.md").read_text()
COMMANDS = sorted(
    {
        command.partition("#")[0].strip()
        for command in re.findall(r"`(podium [^`]+)`|^(podium .+)$", PAGE, re.MULTILINE)
        for command in command
        if command
    }
)


def test_every_metric_on_the_page_is_one_that_a_gateway_tells() -> None:
    """Those of the page on metrics are compared with what a gateway serves elsewhere."""
    known = set(re.findall(r"^\| `(podium_[a-z_]+)`", (DOCS / "metrics.md").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bpodium_[a-z_]+", PAGE)) - {"podium_verify", "podium_rebuild"}  # schemas
    assert len(named) > 10
    assert {re.sub(r"_(count|sum|bucket)$", "", name) for name in named} - known == set()


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_on_the_page_is_one(line: str) -> None:
    words = line.split()[1:]
    command: click.Command = podium
    context = click.Context(podium)
    while words and isinstance(command, click.Group) and not words[0].startswith(("-", "…")):
        found = command.get_command(context, words.pop(0).rstrip(",:;"))
        assert found is not None, line
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, line


def test_every_link_within_the_pages_leads_somewhere() -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*\.md)?(#[\w-]+)?\)", PAGE):
        target = DOCS / file if file else DOCS / "operations.md"
        assert target.exists(), file
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor[1:] in {slug(heading) for heading in headings}, f"{file}{anchor}"


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
