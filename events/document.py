"""Write what of ``docs`` is made from the code: ``python -m events.document``.

The pages on events and states, the AsyncAPI document, and a JSON Schema of each event.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import msgspec

from events.catalogue import EVENT_TYPES, Artifact, Priority, Source
from events.contracts import asyncapi, event_schema
from events.descriptions import described
from events.progress import STAGES
from events.transitions import explore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from events.contracts import Document
    from events.transitions import Transition

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs"

_ANNOTATED: Final = re.compile(r"Annotated\[(\w+), .*\]")

_EVENTS_PAGE: Final = """\
# Events

<!-- Written by `python -m events.document` from events/catalogue.py: change it there. -->

What happened is kept in the JetStream stream `JOBS`, one message an event, and is never changed. Everything
else (the table `jobs`, what a page shows, who runs next) is a fold of it, so any system may follow the
stream and make a picture of its own. Events of a job that is long over may be moved to a file
([archive](operations.md#archive)); `JobArchived` then stands in for them, with all that they came to.

- **Subject**: `jobs.<job_id>.<event type>`. `jobs.<job_id>.>` is one job, `jobs.*.JobSucceeded` one type.
- **Payload**: one JSON object. `type` says which event it is; every event has `job_id` and `version` as
  well. A reader ignores fields that it does not know.
- **Version**: that of the type's shape. A field with a default is added without a new one; after any other
  change old events are brought to the new shape as they are read (`events/upcasting.py`).
- **Unreadable**: a message that is none of these keeps its place, and is set aside in `DEAD_LETTERS`.
- **Headers**: `ce-id`, `ce-type` (`podium.<event type>`), `ce-source` (the process that wrote it),
  `ce-subject` (the job), `ce-time`, `ce-dataschema` (the `$id` of the payload's schema), `ce-specversion` and
  `content-type`, as CloudEvents 1.0 has them in binary mode; `Nats-Msg-Id` equals `ce-id`. `traceparent` is
  there where [traces](operations.md#traces) are switched on.
- **Reading along**: [subscribing](subscribing.md).
- **Contracts**: [asyncapi.json](asyncapi.json) is all of this for machines (AsyncAPI 3.0); [schemas](schemas)
  has the JSON Schema of each payload. A gateway serves them as `/asyncapi.json` and `/schemas/<event>.json`.
- **Order**: by the sequence of the stream. An append names the last sequence that its writer has seen
  of the job (of the event's type, for `AttemptScheduled`), and is refused where there is a later one.

## Types

| event | when | writer | fields beside `job_id` and `version` |
| --- | --- | --- | --- |
{types}

A `Source` is one of {sources}; a `Priority` one of {priorities}; a `Stage` one of {stages}; an
`Artifact` has {artifact}.

## The table `jobs`

The projector folds the log into Postgres and remembers how far it has come in `projection_checkpoint`.
`podium projection rebuild` makes the rows again from the first event, beside the old ones and while the
stack runs; a change to `events.job.Job` that rows written before do not fit asks for it. See
[operations](operations.md).
"""

_STATES_PAGE: Final = """\
# States

<!-- Written by `python -m events.document`, which tells events/job.py every event in every state. -->

What the fold of the log makes of each event: an event that is on no arrow changes no status. The fold
takes what it finds, so there are arrows here that no writer asks for; `services/scheduler/rules.py` says
which decisions are made when.

## A job

```mermaid
stateDiagram-v2
{jobs}
```

## An attempt

```mermaid
stateDiagram-v2
{attempts}
```
"""


def events_page() -> str:
    """``docs/events.md``."""
    return _EVENTS_PAGE.format(
        types="\n".join(_row(kind) for kind in EVENT_TYPES),
        sources=_words(get_args(Source)),
        priorities=_words(get_args(Priority)),
        stages=_words(STAGES),
        artifact=", ".join(_fields(Artifact)),
    )


def states_page() -> str:
    """``docs/state_machine.md``."""
    of_jobs, of_attempts = explore()
    return _STATES_PAGE.format(jobs=_arrows(of_jobs), attempts=_arrows(of_attempts))


def _row(kind: type[msgspec.Struct]) -> str:
    when, writer = described(kind)
    own = [field for field in _fields(kind) if not field.startswith(("`job_id`", "`version`"))]
    return f"| `{kind.__name__}` | {when} | {writer} | {', '.join(own) or '-'} |"


def _fields(kind: type[msgspec.Struct]) -> list[str]:
    """Each field with its type; the annotations are texts, as they were written."""
    written: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        written |= inspect.get_annotations(base)
    types = {name: _ANNOTATED.sub(r"\1", written[name]).replace("|", "or") for name in kind.__struct_fields__}
    return [f"`{name}`: {of}" for name, of in types.items()]


def _words(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _arrows(transitions: Iterable[Transition]) -> str:
    """One arrow for each pair of states, with all events that lead along it."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for before, name, after in sorted(transitions):
        names[before, after].append(name)
    return "\n".join(
        f"    {before} --> {after}: {', '.join(them)}" for (before, after), them in names.items()
    )


def documents() -> dict[str, str]:
    """Every generated file, by its path in ``docs``."""
    return {
        "events.md": events_page(),
        "state_machine.md": states_page(),
        "asyncapi.json": _json(asyncapi()),
        **{f"schemas/{kind.__name__}.json": _json(event_schema(kind)) for kind in EVENT_TYPES},
    }


def _json(document: Document) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def main() -> None:
    """Write all of them, and remove the schemas of events that there are no more."""
    wanted = documents()
    (FOLDER / "schemas").mkdir(exist_ok=True)
    for path in (FOLDER / "schemas").iterdir():
        if f"schemas/{path.name}" not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
