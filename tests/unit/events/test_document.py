"""The generated pages are those that lie in docs, and say what the code says."""

from __future__ import annotations

import msgspec
import pytest

from events.catalogue import EVENT_TYPES
from events.descriptions import writer_of
from events.document import FOLDER, documents
from events.transitions import explore

DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_page_in_docs_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == DOCUMENTS[name], "run `python -m events.document`"


def test_every_event_has_one_writer() -> None:
    assert {writer_of(kind) for kind in EVENT_TYPES} == {"gateway", "scheduler", "executor", "archivist"}


def test_an_event_without_a_writer_is_refused() -> None:
    class SomethingHappened(msgspec.Struct):
        """Nobody knows who says so."""

    with pytest.raises(ValueError, match="SomethingHappened does not say who writes it"):
        writer_of(SomethingHappened)


def test_nothing_leads_out_of_an_end() -> None:
    of_jobs, of_attempts = explore()
    assert {before for before, _, _ in of_jobs} == {"[*]", "queued", "running", "retrying"}
    assert {before for before, _, _ in of_attempts} == {"[*]", "scheduled", "running"}
    assert ("queued", "AttemptStarted", "running") in of_jobs
    assert ("running", "AttemptLost", "lost") in of_attempts


def test_there_are_no_schemas_of_events_that_are_gone() -> None:
    wanted = {name.removeprefix("schemas/") for name in DOCUMENTS if name.startswith("schemas/")}
    assert {path.name for path in (FOLDER / "schemas").iterdir()} == wanted
