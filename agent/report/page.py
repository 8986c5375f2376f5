"""Writes report.html: how a submission was made, for the person who is to submit it.

One page without any link to fetch, light or dark as the reader's screen is.  All words that come from a
competition or a script are escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import msgspec

from agent.planning.claude_call import Spent
from agent.report.markup import bullets, facts, number, section, table
from agent.report.tried import tried
from agent.search.tree import Tree
from events.progress import ModelEvaluated

if TYPE_CHECKING:
    from agent.brief import Brief
    from agent.planning.plan import Plan

_FEATURES_LISTED: Final = 60

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #5b6470; --line: #d8dce2; --paper: #fff;
  --card: #f5f7f9; --accent: #1f6fc5; --warn: #9a5b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #98a2b0; --line: #333a45; --paper: #14181e;
    --card: #1c222a; --accent: #6cb0f5; --warn: #e6b45c; }
}
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { line-height: 1.2; margin-bottom: .2rem }
h2 { margin-top: 2.4rem; border-bottom: 1px solid var(--line) }
.lead, small { color: var(--soft) }
.score { font-size: 2.2rem; color: var(--accent) }
.warn { border-left: 4px solid var(--warn); padding: .4rem .9rem; background: var(--card) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top }
td { font-variant-numeric: tabular-nums }
.facts th { width: 11rem }
.chosen td { font-weight: 600; color: var(--accent) }
svg { max-width: 100%; height: auto }
code, pre { background: var(--card); border-radius: 4px; padding: .1rem .3rem }
pre { padding: .8rem; overflow-x: auto }
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the stages made: the scores, the submitted one last, and what a reader must know.

    `warnings` say plainly what is a makeshift; `checks` what was verified; `plots` holds SVG by its title.
    `attempts` is the tree of what was tried, `search` says what became of it, `spent` what calls to a model
    used; None where there was none to call.
    """

    evaluations: tuple[ModelEvaluated, ...]
    warnings: tuple[str, ...]
    checks: tuple[str, ...]
    plots: dict[str, str]
    seconds: dict[str, float]
    attempts: Tree = ()
    search: str = ""
    spent: Spent | None = None

    @property
    def submitted(self) -> ModelEvaluated:
        """The evaluation of the submitted predictions."""
        return self.evaluations[-1]


def write_report(brief: Brief, plan: Plan, outcome: Outcome) -> str:
    """The whole page."""
    title = brief.title or brief.competition
    sections = [
        _head(title, brief, outcome),
        section("What was asked", _asked(brief)),
        section("The data", _data(brief)),
        section("How it was validated", _validated(brief, plan)),
        section("Models", _models(outcome)),
        *(
            [section("What was tried", tried(outcome.attempts, outcome.search, outcome.spent))]
            if outcome.search
            else []
        ),
        *(section(name, drawn) for name, drawn in outcome.plots.items()),
        section("Why it was done so", facts(plan.reasons.items())),
        section("Checks", bullets(outcome.checks)),
        section("Time", facts((stage, f"{spent:.1f} s") for stage, spent in outcome.seconds.items())),
        section("How to submit it", _how_to_submit(brief)),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - Podium</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


def _head(title: str, brief: Brief, outcome: Outcome) -> str:
    submitted = outcome.submitted
    better = "higher is better" if submitted.maximize else "lower is better"
    warnings = "".join(f'<p class="warn">{escape(warning)}</p>' for warning in outcome.warnings)
    return (
        f'<h1>{escape(title)}</h1><p class="lead">{escape(brief.competition)}, {brief.task}</p>'
        f'<p><span class="score">{number(submitted.score)}</span> {escape(submitted.metric)} out of fold '
        f"({better}), by {escape(submitted.model)}</p>{warnings}"
    )


def _asked(brief: Brief) -> str:
    targets = ", ".join(target.submission_column for target in brief.targets)
    metric = brief.metric
    certainty = (
        "named by the competition" if metric.certain else "not named anywhere: the nearest proper score"
    )
    rows = {
        "to predict": targets,
        "as": brief.answer.replace("_", " "),
        "metric": f"{metric.name}, {certainty}",
        "evidence": metric.evidence,
    }
    if brief.classes:
        rows["classes"] = ", ".join(brief.classes[:30]) + (" ..." if len(brief.classes) > 30 else "")
    return facts(rows.items())


def _data(brief: Brief) -> str:
    files = table(
        ("file", "rows", "columns"),
        [
            (file.path, str(file.rows), str(len(file.columns)))
            for file in (brief.train, brief.test, brief.sample)
        ],
    )
    listed = brief.features[:_FEATURES_LISTED]
    features = table(
        ("column", "kind", "missing", "distinct values"),
        [(f.name, f.kind, f"{f.missing_fraction:.0%}", str(f.unique)) for f in listed],
    )
    more = len(brief.features) - len(listed)
    rest = f"<p><small>and {more} more columns</small></p>" if more else ""
    dropped = f"<h3>Left out</h3>{facts(brief.dropped.items())}" if brief.dropped else ""
    notes = f"<h3>Noticed</h3>{bullets(brief.notes)}" if brief.notes else ""
    return f"{files}<h3>Columns learnt from</h3>{features}{rest}{dropped}{notes}"


def _validated(brief: Brief, plan: Plan) -> str:
    names = " and ".join(f"<code>{escape(name)}</code>" for name in plan.split_columns)
    column = f" by {names}" if names else ""
    return (
        f"<p>{plan.folds} folds, scheme {brief.validation.scheme}{column}: "
        f"{escape(brief.validation.reason)}</p>"
        "<p>Scores are the competition's metric on out-of-fold predictions, computed apart from the script "
        "that made them. No row had a say in its own: how long a fold's models learn, their mix and the "
        "thresholds were chosen on the other folds. The spread of the folds shows what chance does.</p>"
    )


def _models(outcome: Outcome) -> str:
    rows = [
        (each.model, number(each.score), ", ".join(number(score) for score in each.fold_scores))
        for each in outcome.evaluations
    ]
    return table(("model", outcome.submitted.metric, "by fold"), rows, chosen=len(rows) - 1)


def _how_to_submit(brief: Brief) -> str:
    command = f"kaggle competitions submit -c {brief.competition} -f submission.csv -m 'Podium'"
    return (
        "<p>Upload <code>submission.csv</code> on the competition's page under <em>Submit Prediction</em>, "
        f"or run</p><pre>{escape(command)}</pre>"
        "<p><code>python solution.py --data DIR --output DIR</code> makes the submission again from the "
        "competition's files.</p>"
    )
