"""When a webhook is tried again, when it is given up, and who has to wait for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.deliveries import (
    Delivery,
    DeliveryDue,
    DeliverySkipped,
    Record,
    RedeliveryRequested,
    TryEnded,
    TryStarted,
    evolve,
)
from services.webhooks.book import Book
from services.webhooks.rules import (
    BUSY_MAX,
    BUSY_OF_HOST_MAX,
    JITTER,
    RETRY_DELAYS_S,
    Answer,
    after,
    ready,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=2)


def due(name: str = "msg_1", url: str = "https://a.example/hook") -> DeliveryDue:
    return DeliveryDue(webhook_id=name, job_id="j", at=NOW, kind="job.failed", owner="k", url=url, body="{}")


def delivery(name: str = "msg_1", url: str = "https://a.example/hook") -> Delivery:
    made = evolve(None, due(name, url), 1)
    assert made is not None
    return made


def started(number: int, name: str = "msg_1") -> TryStarted:
    return TryStarted(webhook_id=name, job_id="j", at=NOW, number=number, until=NOW + timedelta(seconds=45))


def ended(number: int, state: str, name: str = "msg_1") -> TryEnded:
    return TryEnded(
        webhook_id=name,
        job_id="j",
        at=NOW,
        number=number,
        status=500,
        error=None,
        duration_ms=1,
        state=state,
        next_at=NOW if state == "waiting" else None,
    )


def asked(name: str = "msg_1", tried: int = 1) -> RedeliveryRequested:
    url = "https://a.example/hook"
    return RedeliveryRequested(
        webhook_id=name, job_id="j", at=NOW, kind="k", owner="k", url=url, body="{}", tried=tried
    )


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_taken(status: int) -> None:
    assert after(delivery(), Answer(status=status), NOW).state == "delivered"


def test_410_is_never_again() -> None:
    assert after(delivery(), Answer(status=410), NOW).state == "disabled"


@pytest.mark.parametrize(
    "answer", [Answer(status=code) for code in (301, 302, 400, 404, 429, 500)] + [Answer(error="x")]
)
def test_anything_else_is_tried_again_for_a_day_and_then_given_up(answer: Answer) -> None:
    now, one = NOW, delivery()
    for retries, delay_s in enumerate(RETRY_DELAYS_S):
        verdict = after(replace(one, retries=retries), answer, now)
        assert verdict.state == "waiting"
        assert verdict.next_at is not None
        waited_s = (verdict.next_at - now).total_seconds()
        assert delay_s <= waited_s <= delay_s * (1 + JITTER)
        now = verdict.next_at
    assert timedelta(hours=23) < now - NOW < timedelta(hours=27)
    assert after(replace(one, retries=len(RETRY_DELAYS_S)), answer, now).state == "failed"


def test_what_is_due_is_taken_up_once_the_longest_due_first() -> None:
    late = replace(delivery("late"), next_at=NOW - timedelta(seconds=9))
    early, future = delivery("early"), replace(delivery("future"), next_at=LATER)
    names = [one.webhook_id for one in ready([early, late, future], set(), NOW, busy=["early"])]
    assert names == ["late"]
    assert [one.webhook_id for one in ready([early, late], set(), NOW, busy=[])] == ["late", "early"]


def test_a_slow_host_holds_up_only_itself_and_all_together_are_bounded() -> None:
    slow = [delivery(f"slow-{number}") for number in range(20)]
    others = [delivery(f"other-{number}", f"https://{number}.example/") for number in range(60)]
    chosen = ready([*slow, *others], set(), NOW, busy=[])
    assert len(chosen) == BUSY_MAX
    assert sum(one.webhook_id.startswith("slow") for one in chosen) == BUSY_OF_HOST_MAX
    busy = [one.webhook_id for one in slow[:BUSY_OF_HOST_MAX]]
    assert ready(slow, set(), NOW, busy=busy) == []


def test_a_try_that_never_ended_comes_again_once_it_counts_as_lost() -> None:
    one = evolve(delivery(), started(1), 2)
    assert one is not None
    assert ready([one], set(), NOW + timedelta(seconds=44), busy=[]) == []
    assert ready([one], set(), NOW + timedelta(seconds=45), busy=[]) == [one]
    again = evolve(one, started(2), 3)
    assert again is not None
    assert [(try_.number, try_.status) for try_ in again.tries] == [(1, None), (2, None)]


def told(*records: Record) -> Book:
    book = Book()
    for sequence, record in enumerate(records, start=1):
        book.observe(sequence, record)
    return book


def test_a_receiver_that_is_gone_is_left_alone_until_it_takes_one_that_was_asked_for() -> None:
    gone = [due(), started(1), ended(1, "disabled")]
    book = told(*gone, due("msg_2"))
    assert book.disabled == {("k", "https://a.example/hook")}
    assert [one.webhook_id for one in book] == ["msg_2"]
    skipped = DeliverySkipped(webhook_id="msg_2", job_id="j", at=NOW)
    assert list(told(*gone, due("msg_2"), skipped)) == []
    book = told(*gone, asked(), due("msg_3", "https://b.example/"))
    hand = next(iter(book))
    assert (hand.by_hand, hand.tried, hand.state) == (True, 1, "waiting")
    taken = [started(2), ended(2, "delivered")]
    assert told(*gone, asked(), *taken).disabled == set()


def test_records_that_come_twice_change_nothing() -> None:
    records = [due(), started(1), ended(1, "waiting"), started(2), ended(2, "delivered")]
    book = told(*records[:3])
    before = list(book)
    for sequence, record in enumerate(records[:3], start=1):
        book.observe(sequence, record)
    assert list(book) == before
    assert list(told(*records, records[-1], records[-2])) == []
