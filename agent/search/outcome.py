"""What a search found, as a result to be put in place: files, scores, and words on how it went.  Pure."""

from __future__ import annotations

import pprint
from importlib import resources
from typing import TYPE_CHECKING, Final

from msgspec import structs

from events.progress import ModelEvaluated

if TYPE_CHECKING:
    from agent.brief import Brief
    from agent.planning.claude_call import Claude
    from agent.report.desk import Result
    from agent.search.search import Found
    from agent.search.standing import Standing
    from agent.search.tree import Attempt, Tree

_MEMBERS_LINE: Final = "MEMBERS: dict[str, float] = {}"


def result_of(start: Result, found: Found, brief: Brief, claude: Claude) -> Result:
    """The templates' result `start` with what the search found in its place."""
    standing, trained = found.standing, start.trained
    told = {
        "attempts": found.tree,
        "search": summary_of(found, claude),
        "spent": claude.spent,
    }
    scored = [_of_attempt(each, brief) for each in found.tree[1:] if each.works]
    *parts, before = trained.evaluations
    if all(member.number == 0 for member in standing.members):
        evaluations = (*parts, *scored, before)
        return structs.replace(start, trained=structs.replace(trained, evaluations=evaluations), **told)
    submitted = evaluation_of(standing, brief)
    others = [each for each in (*trained.evaluations, *scored) if each.model != submitted.model]
    remarks = list(trained.remarks)
    folds, all_folds = len(standing.fold_scores), trained.out_of_fold["fold"].n_unique()
    if folds < all_folds:
        remarks.append(f"The score is that of {folds} of {all_folds} folds: there was no time for all.")
    return structs.replace(
        start,
        trained=structs.replace(
            trained,
            evaluations=(*others, submitted),
            out_of_fold=standing.out_of_fold,
            importance=trained.importance if standing.members[0].number == 0 else (),
            remarks=tuple(remarks),
        ),
        submission=standing.submission.write_csv().encode(),
        scripts=scripts_of(standing),
        **told,
    )


def evaluation_of(standing: Standing, brief: Brief) -> ModelEvaluated:
    """The score of what stands."""
    return ModelEvaluated(
        model=standing.name,
        metric=brief.metric.name,
        maximize=brief.metric.maximize,
        score=standing.score,
        fold_scores=tuple(standing.fold_scores.values()),
    )


def scripts_of(standing: Standing) -> dict[str, bytes]:
    """The files that made the submission: solution.py, and where it mixes the members that it runs."""
    if len(standing.members) == 1:
        return {"solution.py": standing.members[0].script.encode()}
    names = [f"member_{member.number}.py" for member in standing.members]
    weights = dict(zip(names, standing.weights, strict=True))
    text = resources.files("agent.search").joinpath("blend.py").read_text(encoding="utf-8")
    literal = pprint.pformat(weights, width=96, sort_dicts=False)
    assert _MEMBERS_LINE in text, "the blend's script has a line for its members"
    text = text.replace(_MEMBERS_LINE, f"MEMBERS: dict[str, float] = {literal}")
    text = text.replace("  # noqa: S603 - our own members", "")
    members = {name: member.script.encode() for name, member in zip(names, standing.members, strict=True)}
    return {"solution.py": text.encode(), **members}


def summary_of(found: Found, claude: Claude) -> str:
    """How the search went, in a sentence or two."""
    tree, spent = found.tree[1:], claude.spent
    ran, accepted = _count(tree, "scored") + _count(tree, "accepted"), _count(tree, "accepted")
    calls = f"{spent.calls} {'call' if spent.calls == 1 else 'calls'}, ${spent.dollars:.2f}"
    tried = f"{claude.settings.model} made {len(tree)} {'attempt' if len(tree) == 1 else 'attempts'}"
    return f"{tried}, {ran} ran well, {accepted} gained ({calls} in all). {found.why_ended}".strip()


def _count(tree: Tree, state: str) -> int:
    return sum(each.state == state for each in tree)


def _of_attempt(attempt: Attempt, brief: Brief) -> ModelEvaluated:
    assert attempt.score is not None, "an attempt that works has a score"
    return ModelEvaluated(
        model=f"attempt {attempt.number}",
        metric=brief.metric.name,
        maximize=brief.metric.maximize,
        score=attempt.score,
        fold_scores=attempt.fold_scores,
    )
