"""Whether a search for a better solution is begun at all, and why not.  Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.cells import record_form
from agent.planning.prices import prices_of

if TYPE_CHECKING:
    from agent.brief import Brief
    from agent.planning.claude import ClaudeSettings
    from agent.search.limits import Limits


def why_no_search(
    claude: ClaudeSettings | None, refusal: str | None, brief: Brief, *, seconds: float, limits: Limits
) -> str | None:
    """Why there is none, in a sentence; None where there is one.

    `refusal` says why code that a model wrote may not run here, `seconds` is the time for scripts in all.
    """
    if claude is None:
        return "No model was asked for scripts: there is no key for one."
    if refusal is not None:
        return f"No model was asked for scripts. {refusal}"
    if prices_of(claude.model) is None:
        return f"No model was asked for scripts: the price of {claude.model} is not known."
    unfit = _unfit(brief)
    if unfit is not None:
        return f"No model was asked for scripts: {unfit}, and folds cannot be cut from that."
    left_s = (1.0 - limits.templates_share) * seconds
    if left_s < limits.search_s_min:
        return f"No model was asked for scripts: {left_s:.0f} s are too few to judge one."
    cells = brief.train.rows * len(brief.train.columns)
    if cells > limits.cells_max:
        return f"No model was asked for scripts: train has {cells} cells, too many to judge one in time."
    return None


def _unfit(brief: Brief) -> str | None:
    """What keeps a competition's files from being cut into folds of the same form."""
    if brief.train.parts or brief.test.parts:
        return "the rows lie in several files"
    if any(".zip/" in table.path for table in (brief.train, brief.test, brief.sample)):
        return "the tables lie in one archive"
    if any(record_form(Path(table.path)) for table in (brief.train, brief.test, brief.sample)):
        return "the tables are files of records, not of text"
    if brief.ids != brief.sample.columns[:1]:
        return "a row is named by more than the first column"
    if brief.test_names:
        return "train and test call their columns differently"
    if not brief.sample.path:
        return "there is no sample submission"
    if any(target.train_column not in brief.train.columns for target in brief.targets):
        return "the answers lie in a table of their own"
    if any(side.train != side.test for side in brief.sides):
        return "train and test have further tables of their own"
    return None
