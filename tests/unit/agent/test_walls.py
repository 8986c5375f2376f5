"""What bubblewrap is told: what a script finds, in which order, and what it can write."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from agent.walls import readable_places, script_s_code, walled, writable_places

ARGUMENTS = walled(
    Path("/b/bwrap"), folder="/tmp/w/script-1", readable=("/tmp/w/data", "/usr", "/proc", "/dev/zero", "/tmp")
)
PAIRS = list(pairwise(ARGUMENTS))


def places() -> list[str]:
    """Where something is put, in order."""
    lengths = {"--ro-bind-try": 2, "--bind": 2, "--proc": 1, "--dev": 1, "--tmpfs": 1}
    return [ARGUMENTS[at + lengths[word]] for at, word in enumerate(ARGUMENTS) if word in lengths]


def test_what_holds_a_place_is_mounted_before_it() -> None:
    assert places() == sorted(places())
    assert places() == ["/dev", "/dev/shm", "/proc", "/tmp", "/tmp/w/data", "/tmp/w/script-1", "/usr"]


def test_only_the_scratch_folder_can_be_written() -> None:
    assert [after for word, after in PAIRS if word == "--bind"] == ["/tmp/w/script-1"]
    assert ("--remount-ro", "/") in PAIRS
    assert not {"--dev-bind", "--share-net", "--cap-add"} & set(ARGUMENTS)


def test_memory_that_others_have_too_is_not_a_script_s_to_write() -> None:
    assert writable_places("/f", own_memory=False) == ["/f", "/dev/null"]
    assert writable_places("/f", own_memory=True) == ["/f", "/dev/null", "/dev/shm"]


def test_a_script_needs_its_interpreter_and_the_libraries_that_it_is_lent() -> None:
    found = readable_places({"LD_LIBRARY_PATH": "/lent:", "HOME": "/home/me"}, ("/data",))
    assert {"/lent", "/data", "/usr"} <= found
    assert not {"", "/", "/home/me", "/etc", "/tmp"} & found


def test_a_signal_that_ended_a_script_is_told_from_its_exit_code() -> None:
    assert [script_s_code(code) for code in (0, 1, 128, 137, -9)] == [0, 1, 128, -9, -9]
