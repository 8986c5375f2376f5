"""What a run was like, in numbers."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from events import catalogue as ev
from events.job import fold
from tests.chaos.verdict import by_job, most_at_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from events.recorded import Recorded
    from tests.chaos.faults import Fault
    from tests.chaos.run import Outcome, Plan


def report(plan: Plan, outcome: Outcome, wrong: Sequence[str]) -> str:
    """The report of a run, with the judge's verdict at its end."""
    history = outcome.history
    jobs = by_job(history.records)
    marks = history.marks or ()
    ends = Counter(job.status for records in jobs.values() if (job := fold(records)))
    kinds = Counter(type(record.event).__name__ for record in history.records)
    failures = Counter(e.reason for r in history.records if isinstance(e := r.event, ev.AttemptFailed))
    lines = [
        f"seed {plan.seed}: {plan.jobs} jobs, {plan.trouble_s:g} s of trouble, cap {plan.running_max}",
        f"faults     {_counted(Counter(fault.kind for fault in outcome.faults))}",
        f"jobs       {len(history.accepted)} accepted, {len(history.accepted - jobs.keys())} lost",
        f"           {_counted(ends)}",
        f"attempts   {kinds['AttemptStarted']} started, {kinds['RetryScheduled']} retries",
        f"           {most_at_once(history.records)} at once at the most",
        f"           {kinds['AttemptLost']} lost, {_counted(failures)}",
        f"agents     {len(marks)} processes, {sum(mark.finished for mark in marks)} finished",
        f"clients    {outcome.unsure} submits sent again, {outcome.resumed} streams resumed",
        f"           {len(outcome.cancelled)} cancels heard",
        f"no gateway {_times(outcome.outages_s)}",
        f"recovery   {_times(recoveries_s(outcome.faults, history.records))} (a held job's next step)",
        f"settled    {outcome.settled_s:.1f} s after the last fault",
        f"own ends   {len(outcome.own_ends)}",
        *(f"           {words}" for words in outcome.own_ends),
        f"verdict    {'all is well' if not wrong else f'{len(wrong)} things are wrong'}",
        *(f"           {line}" for line in wrong),
    ]
    return "\n".join(lines)


def recoveries_s(faults: Sequence[Fault], records: Sequence[Recorded]) -> list[float]:
    """Seconds from each fault of an executor until each job with an attempt on it moved on.

    That is the job's next attempt, its end, or, after a pause within the lease, the attempt's own next event.
    """
    found = []
    for fault in faults:
        if not fault.part.startswith("executor"):
            continue
        executor = f"chaos{fault.part.removeprefix('executor')}"
        for of_job in by_job(records).values():
            before = [record for record in of_job if record.time.timestamp() <= fault.at_s]
            job = fold(before)
            current = job.current if job else None
            if current is None or current.status != "running" or current.executor != executor:
                continue
            found += [
                record.time.timestamp() - fault.at_s
                for record in of_job[len(before) :]
                if not isinstance(
                    record.event,
                    ev.AttemptLost
                    | ev.AttemptFailed
                    | ev.RetryScheduled
                    | ev.AttemptScheduled
                    | ev.JobCancelRequested,
                )
            ][:1]
    return found


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _times(times_s: Sequence[float]) -> str:
    if not times_s:
        return "0 times"
    return f"{len(times_s)} times, {median(times_s):.1f} s median, {max(times_s):.1f} s at most"
