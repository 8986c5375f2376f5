"""What an attempt leaves in its output folder, beside the submission: files for programs and for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from agent.brief import Brief, Check
    from agent.report.page import Outcome
    from agent.search.tree import Attempt, Tree
    from agent.training.script import Trained

ARTIFACTS: Final = (
    "submission.csv",
    "report.html",
    "solution.py",
    "metrics.json",
    "plan.json",
    "brief.json",
    "oof.csv",
)
"""Beside them the scripts of the members, where solution.py mixes what several scripts answer."""


def metrics_of(outcome: Outcome) -> dict[str, object]:
    """Scores by model and fold, seconds by stage, what was tried and spent: what metrics.json says."""
    submitted = outcome.submitted
    return {
        "metric": submitted.metric,
        "direction": "maximize" if submitted.maximize else "minimize",
        "submitted": submitted.model,
        "score": submitted.score,
        "models": {
            each.model: {"score": each.score, "fold_scores": each.fold_scores} for each in outcome.evaluations
        },
        "seconds": {stage: round(spent, 2) for stage, spent in outcome.seconds.items()},
        "warnings": outcome.warnings,
        "checks": outcome.checks,
        "attempts": [_told(attempt) for attempt in outcome.attempts],
        "search": outcome.search,
        "model_calls": outcome.spent,
    }


def _told(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "kind": attempt.kind,
        "parent": attempt.parent,
        "state": attempt.state,
        "idea": attempt.idea,
        "verdict": attempt.verdict,
        "score": attempt.score,
        "fold_scores": attempt.fold_scores,
        "seconds": round(attempt.seconds, 2),
        "dollars": round(attempt.dollars, 6),
    }


def checks_of(brief: Brief, trained: Trained, attempts: Tree) -> tuple[str, ...]:
    """What was verified, a sentence each."""
    ids = brief.sample.path or "test"
    form = f"submission.csv has the columns and ids of {ids} and answers that fit."
    rows = f"Scores were computed by the agent from {trained.out_of_fold.height} out-of-fold predictions."
    looks = tuple(_told_check(check) for check in brief.checks)
    if trained.network_cut is None:
        return form, rows, *looks
    network = "without network" if trained.network_cut else "with the network, which could not be cut off"
    ran = f"Scripts ran in processes of their own, without any secret, {network}."
    if not any(attempt.works for attempt in attempts[1:]):
        return form, rows, ran, *looks
    withheld = (
        "The scripts that a model wrote were cross-validated by the agent: a run never saw the answers "
    )
    return form, rows, ran, f"{withheld}that it was to predict.", *looks


def _told_check(check: Check) -> str:
    """A look for leakage or drift; a finding stands out by its first word."""
    mark = {True: "Warning, ", False: "", None: "Not made, "}[check.found]
    name = check.name if mark else check.name.capitalize()
    return f"{mark}{name}: {check.says}"


def summary_of(outcome: Outcome) -> str:
    """The outcome of an attempt in a sentence or two."""
    submitted = outcome.submitted
    words = [
        f"{submitted.model}: {submitted.metric} {submitted.score:.5g} out of fold.",
        *outcome.warnings[:1],
    ]
    if outcome.search:
        words.append(outcome.search)
    return " ".join(words)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    replace_files(path.parent, {path.name: content}, ())


def replace_files(folder: Path, files: Mapping[str, bytes], stale: Iterable[str]) -> None:
    """Write files whole or not at all, with only renames between the first and the last; drop stale ones."""
    drafts = {name: folder / f"{name}.part" for name in files}
    for name, content in files.items():
        drafts[name].write_bytes(content)
    for name, draft in drafts.items():
        draft.replace(folder / name)
    for name in stale:
        (folder / name).unlink(missing_ok=True)
