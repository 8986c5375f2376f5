"""The table of settings is that of the code, whole, and compose passes on what it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from services.document import PAGE, page, settings
from services.settings_words import BESIDE, WITHIN, WORDS

ROOT = Path(__file__).parents[3]
VARIABLE = re.compile(r"(PODIUM|KAGGLE|ANTHROPIC|OTEL|NATS|DATABASE|REDIS|DOCKER)_[A-Z0-9_]+")
ELSEWHERE = {
    "PODIUM_READ_ONLY",  # `podium up --replay` sets it
    *(
        "PODIUM_NATS_CA_FILE",
        "PODIUM_NATS_CERT_FILE",
        "PODIUM_NATS_KEY_FILE",
        "PODIUM_NATS_REPLICAS",
    ),  # a cluster's
}


def asked() -> set[str]:
    return {name for of_reader in settings().values() for name in of_reader}


def test_the_table_on_the_page_is_the_code_s() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run `python -m services.document`"


def test_every_setting_is_explained_and_nothing_else() -> None:
    assert asked() == set(WORDS)


def test_no_variable_is_read_that_the_table_does_not_have() -> None:
    constants = {
        node.value
        for package in ("agent", "cli", "events", "podium", "services")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    found = {text for text in constants if VARIABLE.fullmatch(text)}
    assert len(found) > 50
    assert found - {*WORDS, *BESIDE, *WITHIN} == set()


def test_compose_passes_on_every_setting_or_sets_it() -> None:
    example = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for file in ("compose.yaml", "compose.cluster.yaml"):
        compose = (ROOT / file).read_text()
        passed = set(re.findall(r"\$\{([A-Z0-9_]+)", compose))
        fixed = set(re.findall(r"^ +([A-Z0-9_]+): [^$&*]", compose, re.MULTILINE))
        fixed |= {name.removesuffix("_FILE") for name in fixed}
        services = {name for name in asked() if "KUBERNETES" not in name} - ELSEWHERE
        assert services - fixed - (passed & example) == set(), file
