"""What a trial was like: a table of what each step cost in service, and the judge's words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from events import catalogue as ev
from events.job import fold
from tests.chaos.verdict import by_job, most_at_once
from tests.cluster.probes import EVERY_S, LATE_S, outages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cluster.probes import Outage
    from tests.cluster.steps import Step
    from tests.cluster.trial import Outcome, Plan


def report(plan: Plan, outcome: Outcome, wrong: Sequence[str]) -> str:
    """The whole report, in Markdown."""
    jobs = by_job(outcome.history.records)
    ends = Counter(job.status for records in jobs.values() if (job := fold(records)))
    kinds = Counter(type(record.event).__name__ for record in outcome.history.records)
    failures = Counter(
        e.reason for r in outcome.history.records if isinstance(e := r.event, ev.AttemptFailed)
    )
    return "\n".join(
        [
            *table(outcome),
            "",
            f"A probe of each kind every {EVERY_S:g} s; an answer later than {LATE_S:g} s is none.",
            f"up        {outcome.up_s:.0f} s until every container was well",
            f"jobs      {len(outcome.history.accepted)} accepted, {_counted(ends)}",
            f"attempts  {kinds['AttemptStarted']} started, {kinds['AttemptLost']} lost",
            f"failures  {_counted(failures)}",
            f"cap       {most_at_once(outcome.history.records)} at once at the most, of {plan.running_max}",
            f"clients   {outcome.unsure} submits sent again, {outcome.resumed} streams resumed",
            f"settled   {outcome.settled_s:.0f} s after the last step",
            f"verdict   {'all is well' if not wrong else f'{len(wrong)} things are wrong'}",
            *(f"          {line}" for line in wrong),
        ]
    )


def table(outcome: Outcome) -> list[str]:
    """A row for each step: seconds without service of each kind, and until the part was well again."""
    kinds = list(outcome.samples)
    found = {kind: by_step(outages(samples), outcome.steps) for kind, samples in outcome.samples.items()}
    rows = [f"| step | {' | '.join(kinds)} | well again after |", f"| --- |{' ---: |' * (len(kinds) + 1)}"]
    for number, step in enumerate(outcome.steps):
        cells = " | ".join(_seconds(found[kind][number]) for kind in kinds)
        rows.append(f"| {step.name} | {cells} | {step.back_s:.1f} |")
    worst = " | ".join(
        _seconds([one for of_step in found[kind].values() for one in of_step]) for kind in kinds
    )
    return [*rows, f"| **all** | {worst} | |"]


def by_step(found: Sequence[Outage], steps: Sequence[Step]) -> defaultdict[int, list[Outage]]:
    """Each outage with the step that had most of it: its first probe may be older than what it met."""
    grouped: defaultdict[int, list[Outage]] = defaultdict(list)
    for outage in found:
        until_s = math.inf if outage.until_s is None else outage.until_s
        shared_s = [min(step.until_s, until_s) - max(step.from_s, outage.from_s) for step in steps]
        grouped[shared_s.index(max(shared_s))].append(outage)
    return grouped


def _seconds(found: Sequence[Outage]) -> str:
    if any(outage.until_s is None for outage in found):
        return "not back"
    return f"{sum(outage.until_s - outage.from_s for outage in found if outage.until_s is not None):.1f}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
