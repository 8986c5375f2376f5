"""How long and how wide a search may be: every number of it, in one place."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of a search; seconds are of a wall clock.

    `templates_share` is the templates' part of the time for scripts, `search_s_min` the least that a search
    is planned with, `first_s_min` what its first attempt is judged with, whose script is there by then, and
    `step_s_min` what a further attempt is begun with.  An attempt may use `step_share` of the
    time that is left, or what makes `folds_few` runs of `run_s_good`.  No fold is left out where each run
    gets `run_s_good`; a run of less than `run_s_min` is not begun.  `call_s_max` is the limit for one
    answer, `call_share` its part of the time that is left.

    An attempt that fails is repaired `repairs_max` times in a row; `drafts` are begun before the best is
    improved, `drafts_max` in all; after `stale_max` attempts that gained nothing another draft is begun.

    `sample_rows` are tried first where train has twice as many; a train of more than `cells_max` cells is
    not searched on.
    """

    templates_share: float = 0.4
    search_s_min: float = 60.0
    run_s_min: float = 10.0
    run_s_good: float = 20.0
    first_s_min: float = 45.0
    step_s_min: float = 75.0
    step_share: float = 0.5
    call_s_max: float = 180.0
    call_share: float = 0.4
    folds_few: int = 3
    repairs_max: int = 3
    drafts: int = 2
    drafts_max: int = 4
    stale_max: int = 3
    calls_failed_max: int = 2
    attempts_max: int = 30
    sample_rows: int = 1_000
    cells_max: int = 25_000_000
    code_tokens_max: int = 16_000
    code_tokens_min: int = 5_000
