"""No more requests than allowed in any minute, and clients do not fill the memory."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.windows import WINDOW_S, Policy, Windows, client_at

POLICY = Policy(name="submit", most=3)


@given(st.lists(st.floats(0, 20), min_size=5, max_size=80))
def test_never_more_than_allowed_in_any_minute(pauses: list[float]) -> None:
    windows, now = Windows(), 1000.0
    taken: list[float] = []
    for pause in pauses:
        now += pause
        verdict = windows.take("a", POLICY, second=int(now))
        if verdict.allowed:
            taken.append(now)
        else:
            assert verdict.left == 0
            # Whoever comes back when told to is let in.
            later = deepcopy(windows)
            assert later.take("a", POLICY, second=int(now + verdict.more_in_s)).allowed
    for first in taken:
        assert len([one for one in taken if first <= one < first + WINDOW_S]) <= POLICY.most


def test_a_window_slides() -> None:
    windows = Windows()
    took = [windows.take("a", POLICY, second=second) for second in (0, 30, 59, 60, 61, 62, 91)]
    assert [verdict.allowed for verdict in took] == [True, True, True, False, True, False, True]
    assert [verdict.left for verdict in took[:4]] == [2, 1, 0, 0]
    assert took[3].more_in_s == 1
    assert took[0].headers(POLICY) == {
        "RateLimit-Policy": '"submit";q=3;w=60',
        "RateLimit": '"submit";r=2;t=61',
    }


def test_clients_are_counted_apart_and_the_quietest_is_forgotten_first() -> None:
    windows = Windows(clients_max=2)
    for client in ("a", "b", "a", "c"):
        windows.take(client, POLICY, second=0)
    assert windows.take("a", POLICY, second=0).left == 0
    assert windows.take("b", POLICY, second=0).left == 2


def test_who_has_a_network_is_one_client() -> None:
    assert client_at("2001:db8::1") == client_at("2001:db8::ffff:2") != client_at("2001:db8:0:1::1")
    assert client_at("::ffff:10.0.0.1") == client_at("10.0.0.1") != client_at("10.0.0.2")
    assert client_at("") == ""
