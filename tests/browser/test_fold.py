"""What the browser computes by itself is what the server would have said: jobs from events, addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.catalogue import EVENT_TYPES, JobArchived
from events.job import fold
from events.progress import Stage
from services.gateway.competition_url import SLUG_CHARS_MAX, UrlError, parse
from services.gateway.sse import frame
from services.gateway.view import view_of
from tests.history import recorded, requested
from tests.unit.events.strategies import histories
from tests.unit.gateway.histories import JOB, failed_once, started, succeeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy
    from playwright.async_api import Page, Route

    from events.recorded import Recorded

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser

EXAMPLES = 150
FOLDER = Path(__file__).parents[2] / "services" / "gateway" / "page"

FOLD = """async (histories) => {
  const { fold } = await import("/page/fold.js");
  return histories.map((records) => { const { made, ...job } = fold(records); return job; });
}"""
PARSE = """async (texts) => {
  const { parse } = await import("/page/competition_url.js");
  return texts.map(parse);
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def modules(page: Page) -> Page:
    """A page that has the modules of the real one and no server behind it."""

    async def answer(route: Route) -> None:
        file = FOLDER / Path(urlsplit(route.request.url).path).name
        if file.suffix == ".js":
            await route.fulfill(path=file, content_type="text/javascript")
        else:
            await route.fulfill(body="", content_type="text/html")

    await page.route("**/*", answer)
    await page.goto("http://localhost/")
    return page


def drawn(strategy: SearchStrategy[Any], count: int) -> list[Any]:
    """Examples for a test that asks the browser once for all of them."""
    found = []

    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(example: Any) -> None:
        found.append(example)

    draw()
    return found


def told(records: Sequence[Recorded]) -> list[dict[str, Any]]:
    """What a reader of the stream gets of each record."""
    return [json.loads(frame(record).split(b"data: ", 1)[1]) for record in records]


def view(records: Sequence[Recorded]) -> Any:
    job = fold(records)
    assert job is not None
    return as_numbers(msgspec.json.encode(view_of(job)))


def as_numbers(text: str | bytes) -> Any:
    """JSON with every number as the browser has it: a double."""
    return json.loads(text, parse_int=float)


async def test_the_browser_folds_any_history_as_the_server_does(modules: Page) -> None:
    ours = [recorded([requested(JOB), *succeeded()]), recorded([requested(JOB), *failed_once(), *started(2)])]
    every_prefix = [records[:end] for records in ours for end in range(1, len(records) + 1)]
    all_of_them = [*every_prefix, *drawn(histories(archived=False), EXAMPLES)]
    assert {record.event_type for records in all_of_them for record in records} == {
        # What an archived job came to is asked of the gateway.
        kind.__name__
        for kind in EVENT_TYPES
        if kind is not JobArchived
    }
    folded = await modules.evaluate(FOLD, [told(records) for records in all_of_them])
    for records, job in zip(all_of_them, folded, strict=True):
        expected = view(records)
        assert as_numbers(json.dumps(job)) == expected | {
            "dollars": pytest.approx(expected["dollars"], rel=1e-12)
        }


async def test_the_browser_knows_every_type_of_event_and_stage(modules: Page) -> None:
    known = await modules.evaluate(
        'import("/page/fold.js").then(({EVENT_TYPES, STAGES}) => [EVENT_TYPES, STAGES])'
    )
    assert known == [[kind.__name__ for kind in EVENT_TYPES], list(get_args(Stage))]


PARTS = st.sampled_from(
    [
        *("https:", "HTTPS:", "http:", "//", "/", "www.", "kaggle.com", "Kaggle.COM", "@", ":443", "["),
        *("c", "competitions", "titanic", "a-b", "-", "--", "_", "overview", "x" * SLUG_CHARS_MAX),
        *("..", ".", "%2e", "%2F", "%", "?", "#", "\\", " ", "\t", "\x00", "ü", "local:", "LOCAL:"),
    ]
)
NEAR = st.tuples(
    st.sampled_from(["https://www.kaggle.com/c/", "https://kaggle.com/competitions/", "local:", ""]),
    st.lists(PARTS, max_size=6),
).map(lambda found: found[0] + "".join(found[1]))


async def test_the_form_takes_the_addresses_that_the_server_takes(modules: Page) -> None:
    texts = [*drawn(NEAR, 400), "https://www.kaggle.com/c/titanic?" + "a" * 3000, "https://[::1/c/titanic"]
    answers = await modules.evaluate(PARSE, texts)
    assert {"slug" in answer for answer in answers} == {True, False}
    for text, answer in zip(texts, answers, strict=True):
        try:
            competition = parse(text, local_allowed=True)
        except UrlError:
            assert "problem" in answer, text
        else:
            assert answer == {"slug": competition.slug, "url": competition.url}, text
