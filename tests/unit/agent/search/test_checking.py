"""A script's plain faults are said before it is run."""

from __future__ import annotations

import pytest

from agent.search.checking import CODE_BYTES_MAX, faults_of
from tests.integration.written import GOOD


def test_a_sound_script_has_no_faults() -> None:
    assert faults_of(GOOD) == ()


@pytest.mark.parametrize(
    ("added", "word"),
    [
        ("import pandas as pd", "pandas cannot be imported; there are numpy"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("import subprocess", "subprocess"),
        ("from . import other", ". cannot"),
        ("open('/kaggle/input/train.csv')", "absolute path"),
        ("eval('1')", "eval()"),
        ("os.system('id')", "os.system"),
        ("def broken(:", "not Python"),
        ("x = '\0'", "not Python"),
        ("#" * CODE_BYTES_MAX, "longer"),
    ],
)
def test_what_would_fail_is_said(added: str, word: str) -> None:
    assert word in " ".join(faults_of(f"{GOOD}\n{added}\n"))


def test_a_script_that_does_not_take_its_orders() -> None:
    assert any("--data" in fault for fault in faults_of("print('hello')\n"))


def test_words_that_look_like_paths_only_nearly() -> None:
    assert faults_of(f'{GOOD}\nunits = ["km/h", "/", "n/a", "a/b/c"]\n') == ()
