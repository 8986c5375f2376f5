"""What an attempt leaves in its output folder, beside the submission: files for programs and for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from agent.brief import Brief
    from agent.report.page import Outcome
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


def metrics_of(outcome: Outcome) -> dict[str, object]:
    """Scores by model and fold, and seconds by stage: what metrics.json says."""
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
    }


def checks_of(brief: Brief, trained: Trained) -> tuple[str, ...]:
    """What was verified, a sentence each."""
    form = f"submission.csv has the columns and ids of {brief.sample.path} and answers that fit."
    rows = f"Scores were computed by the agent from {trained.out_of_fold.height} out-of-fold predictions."
    if trained.network_cut is None:
        return form, rows
    network = "without network" if trained.network_cut else "with the network, which could not be cut off"
    return form, rows, f"The script ran in a process of its own, without any secret, {network}."


def summary_of(outcome: Outcome) -> str:
    """The outcome of an attempt in a sentence or two."""
    submitted = outcome.submitted
    makeshift = f" {outcome.warnings[0]}" if outcome.warnings else ""
    return f"{submitted.model}: {submitted.metric} {submitted.score:.5g} out of fold.{makeshift}"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    draft.replace(path)
