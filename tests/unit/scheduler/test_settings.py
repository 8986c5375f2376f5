"""The scheduler's settings: what an operator may say, and how a mistake is told."""

from __future__ import annotations

import pytest

from services.environment import Environment, SettingError
from services.scheduler.rules import Rules
from services.scheduler.settings import read


def test_nothing_set_is_the_rules_as_they_are() -> None:
    assert read(Environment({})).rules == Rules()


def test_the_rules_can_be_set() -> None:
    variables = {
        "PODIUM_MAX_RUNNING": "3",
        "PODIUM_HANDOVER_S": "30",
        "PODIUM_RETRY_DELAYS_S": "1,2.5,4",
        "PODIUM_RETRY_JITTER": "full",
        "PODIUM_LEASE_S": "9",
    }
    assert read(Environment(variables)).rules == Rules(
        running_max=3, retry_delays_s=(1, 2.5, 4), retry_jitter="full", lease_s=9, handover_s=30
    )


def test_an_unknown_jitter_is_named() -> None:
    with pytest.raises(SettingError, match="PODIUM_RETRY_JITTER should be none or full, not 'some'"):
        read(Environment({"PODIUM_RETRY_JITTER": "some"}))


def test_a_lease_of_fewer_than_three_heartbeats_is_refused() -> None:
    assert read(Environment({"PODIUM_LEASE_S": "6"})).rules.lease_s == 6
    with pytest.raises(SettingError, match=r"PODIUM_LEASE_S should be at least 6, not 5\.9"):
        read(Environment({"PODIUM_LEASE_S": "5.9"}))
