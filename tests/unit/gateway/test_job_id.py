"""Ids of jobs: valid, unique, sorted by time."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.job_id import keyed_job_id, new_job_id, parse_job_id, uuid7

MS = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**74 - 1)


def test_the_example_of_the_rfc() -> None:
    made = uuid7(unix_ms=0x017F22E279B0, random=0xCC3 << 62 | 0x18C4DC0C0C07398F)
    assert made == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(MS, RANDOM, MS, RANDOM)
def test_later_ids_sort_later(early: int, random: int, late: int, other: int) -> None:
    first, second = uuid7(unix_ms=early, random=random), uuid7(unix_ms=late, random=other)
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    if early < late:
        assert str(first) < str(second)


def test_new_ids_differ_and_are_read_back() -> None:
    made = {new_job_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(parse_job_id(job_id) == job_id for job_id in made)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_key_has_one_id_and_another_key_another(key: str, other: str) -> None:
    made = UUID(keyed_job_id(key))
    assert (made.version, made.variant) == (8, "specified in RFC 4122")
    assert (keyed_job_id(key) == keyed_job_id(other)) is (key == other)


def test_the_id_of_a_key_never_changes() -> None:
    assert keyed_job_id("order-1") == "2b97383d-2b50-8189-a7dc-04d5c84d3508"


def test_an_id_is_read_in_either_case() -> None:
    assert parse_job_id("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nope",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "*",
        ">",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739\u06608",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert parse_job_id(text) is None
