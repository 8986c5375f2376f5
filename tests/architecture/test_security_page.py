"""The page on security names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_every_proof_on_the_page_exists() -> None:
    page = (TESTS.parent / "docs" / "security.md").read_text()
    proofs = {proof.removeprefix("tests/") for proof in re.findall(r"`([\w/]+\.py)`", page)}
    assert len(proofs) >= 20
    assert sorted(proof for proof in proofs if not (TESTS / proof).is_file()) == []
