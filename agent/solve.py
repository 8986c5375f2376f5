"""The four stages of an attempt, in order: analysis, planning, codegen, training.

Libraries that are slow to import are imported by the stage that needs them: the first message is out
before any of them is touched.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import structs

from agent.errors import CompetitionError
from agent.ground import SCRIPT_S_MIN, SOLUTION, Ground
from agent.memory import memory_bytes
from agent.report.artifacts import summary_of
from agent.search.limits import Limits
from agent.speech import stage
from events.progress import Failed, Succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.analysis.truth import Known
    from agent.brief import Brief
    from agent.deadline import Deadline
    from agent.last_word import LastWord
    from agent.planning.claude_call import Claude
    from agent.planning.means import Means
    from agent.planning.plan import Plan
    from agent.report.page import Outcome
    from agent.settings import Settings
    from agent.speech import Narrator, Progress, Say
    from events.progress import Submitted

_CHECKS_SHARE: Final = 0.03
"""The part of the budget that may go into looking for leaks and drift."""

_DOUBTS_SHARE: Final = 0.1
"""The part of the time that may go into asking what a competition means."""

_DOUBTS_S_MIN: Final = 15.0
_DOUBTS_S_MAX: Final = 60.0


def solve(
    settings: Settings,
    say: Say,
    *,
    fetch: Callable[[Path, Progress], str | None],
    environment: Mapping[str, str],
    log: Callable[[str], None],
    deadline: Deadline,
    last: LastWord,
    submit: Callable[[Path], Submitted] | None = None,
    limits: Limits | None = None,
) -> int:
    """Solve a competition, saying all the way what happens; 0 after Succeeded, 1 after Failed.

    It means to be done before the `deadline`, and keeps what is best so far in `last` for whoever watches.

    `fetch` is called where the settings name no folder of files: it brings them into a folder, and gives
    Kaggle's words for the metric, None where it has none; it may raise CompetitionError.  Of `environment`
    a script gets what a program needs to start, and nothing else.  Artifacts land in the output folder.
    `submit`, where given, takes the final submission.csv to Kaggle and tells what became of it.
    `limits` are those of the search for something better than the templates.
    """
    ground = Ground(
        settings=settings, say=say, log=log, environment=environment, deadline=deadline, last=last
    )
    try:
        succeeded = Attempt(ground, fetch=fetch, limits=limits or Limits()).run()
        if submit:
            ground.say(submit(ground.output / "submission.csv"))
        last.say(succeeded)
    except CompetitionError as error:
        log(f"Failed: {error}")
        last.say(Failed(reason=error.reason, message=error.message, retryable=error.retryable))
        return 1
    return 0


class Attempt:
    """One attempt, from its settings to its artifacts."""

    def __init__(
        self, ground: Ground, *, fetch: Callable[[Path, Progress], str | None], limits: Limits
    ) -> None:
        self._ground = ground
        self._fetch = fetch
        self._limits = limits
        self._claude: Claude | None = None
        self._why_no_search: str | None = None

    def run(self) -> Succeeded:
        """All stages.  Raises CompetitionError where the competition cannot be solved."""
        ground = self._ground
        for folder in (ground.output, ground.work):
            folder.mkdir(parents=True, exist_ok=True)
        with stage("analysis", ground.say, ground.seconds) as progress:
            brief, known = self._analyse(progress)
        with stage("planning", ground.say, ground.seconds) as progress:
            brief, plan = self._plan(brief, known, progress)
        with stage("codegen", ground.say, ground.seconds) as progress:
            self._write_solution(brief, plan, progress)
        with stage("training", ground.say, ground.seconds) as progress:
            outcome, succeeded = self._train(brief, plan, known, progress)
            progress.summary = summary_of(outcome)
        return succeeded

    def _analyse(self, progress: Narrator) -> tuple[Brief, Known]:
        """The brief and what is known; from here on a valid, if constant, submission lies ready."""
        progress(0.01, "Looking at the files.")
        ground, metric = self._ground, None
        if ground.settings.data_dir is None:
            metric = self._fetch(ground.data, progress.part(0.0, 0.6))
        from agent.analysis.competition import analyse  # noqa: PLC0415 - polars and scikit-learn, after the first words
        from agent.analysis.truth import read_known  # noqa: PLC0415
        from agent.training.submission import write_constant  # noqa: PLC0415

        brief = analyse(
            ground.data,
            ground.settings.competition,
            evaluation_metric=metric,
            progress=progress.part(0.6 if metric else 0.02, 0.9),
            check_s=_CHECKS_SHARE * ground.deadline.budget_s,
        )
        brief = self._settled(brief, progress)
        ground.write_json("brief.json", brief)
        known = read_known(ground.data, brief)
        self._constant = write_constant(
            ground.output / "submission.csv", sample=known.sample, truth=known.truth_text, brief=brief
        )
        progress(1.0, "A constant submission stands in until there is a better one.")
        progress.summary = (
            f"{brief.task} of {', '.join(target.submission_column for target in brief.targets)}, "
            f"scored by {brief.metric.name}; {brief.train.rows} rows to learn from, "
            f"{brief.test.rows} to predict."
        )
        return brief, known

    def _settled(self, brief: Brief, progress: Narrator) -> Brief:
        """The brief with what the rules left in doubt settled, where there is a model to ask and time."""
        from agent.planning.claude import claude_settings  # noqa: PLC0415
        from agent.planning.claude_call import Claude  # noqa: PLC0415

        ground = self._ground
        settings = claude_settings(ground.environment)
        if settings is None:
            return brief
        self._claude = Claude(settings, say=ground.say)
        timeout_s = min(_DOUBTS_S_MAX, _DOUBTS_SHARE * ground.deadline.left_s(time.monotonic()))
        if not brief.doubts or timeout_s < _DOUBTS_S_MIN:
            return brief
        from agent.analysis.files import find_files  # noqa: PLC0415
        from agent.planning.claude_doubts import settled  # noqa: PLC0415

        progress(0.9, f"Asking {settings.model} what the rules leave in doubt.")
        description = find_files(ground.data).description or ""
        notice = partial(progress, 0.9)
        return settled(self._claude, brief, description, timeout_s=timeout_s, notice=notice)

    def _plan(self, brief: Brief, known: Known, progress: Narrator) -> tuple[Brief, Plan]:
        """The plan, and the brief that it is for: an advice may have dropped columns."""
        from agent.analysis.files import find_files  # noqa: PLC0415
        from agent.planning.advised import plan_with_advice  # noqa: PLC0415

        ground = self._ground
        self._why_no_search = self._search_refused(brief)
        if self._claude:
            progress(0.1, f"Asking {self._claude.settings.model} for advice.")
        brief, plan = plan_with_advice(
            brief,
            self._means(),
            target_min=known.least,
            description=(find_files(ground.data).description or "") if self._claude else "",
            claude=self._claude,
            notice=partial(progress, 0.1),
        )
        ground.write_json("brief.json", brief)
        ground.write_json("plan.json", plan)
        progress(1.0, plan.reasons.get("advice", plan.reasons["decide"]))
        progress.summary = (
            f"{' and '.join(plan.members)} over {plan.folds} folds ({brief.validation.scheme}), "
            f"at most {plan.seconds:.0f} s."
        )
        return brief, plan

    def _means(self) -> Means:
        """What the templates may spend."""
        from agent.planning.means import Means  # noqa: PLC0415

        settings = self._ground.settings
        return Means(
            seconds=max(SCRIPT_S_MIN, self._templates_share() * self._ground.script_s()),
            threads=settings.cpus or os.cpu_count() or 1,
            memory_bytes=memory_bytes(),
            seed=settings.seed,
        )

    def _search_refused(self, brief: Brief) -> str | None:
        """Why no model is asked for scripts, None where one is."""
        from agent.search.allowed import why_no_search  # noqa: PLC0415
        from agent.zone import model_code_refusal  # noqa: PLC0415

        ground = self._ground
        settings = self._claude.settings if self._claude else None
        refusal = model_code_refusal(ground.environment) if settings else None
        return why_no_search(settings, refusal, brief, seconds=ground.script_s(), limits=self._limits)

    def _templates_share(self) -> float:
        return 1.0 if self._why_no_search else self._limits.templates_share

    def _write_solution(self, brief: Brief, plan: Plan, progress: Narrator) -> None:
        from agent.codegen.solution import write_solution  # noqa: PLC0415

        progress(0.2, "Writing solution.py.")
        text = write_solution(brief, plan)
        (self._ground.output / SOLUTION).write_text(text, encoding="utf-8")
        progress(1.0, "solution.py compiles.")
        progress.summary = f"solution.py, {text.count(chr(10))} lines, made of what the plan needs."

    def _unhurried(self, brief: Brief, plan: Plan, known: Known) -> Plan:
        """The plan, and its solution.py, with all of the time that is left."""
        from agent.codegen.solution import write_solution  # noqa: PLC0415
        from agent.planning.plan import make_plan  # noqa: PLC0415

        more = make_plan(brief, self._means(), target_min=known.least)
        plan = structs.replace(plan, seconds=more.seconds, passes=more.passes, rows_max=more.rows_max)
        self._ground.write_json("plan.json", plan)
        (self._ground.output / SOLUTION).write_text(write_solution(brief, plan), encoding="utf-8")
        return plan

    def _train(self, brief: Brief, plan: Plan, known: Known, progress: Narrator) -> tuple[Outcome, Succeeded]:
        """The templates' result, then whatever is better; each is in place as soon as it is there."""
        from agent.report.desk import Desk  # noqa: PLC0415
        from agent.search.hunt import Hunt  # noqa: PLC0415
        from agent.training.templates import Templates  # noqa: PLC0415

        ground, started = self._ground, time.monotonic()
        desk = Desk(ground, brief, known)
        hunt = None
        if self._claude and not self._why_no_search:
            hunt = Hunt(ground, brief, known, plan, claude=self._claude, limits=self._limits, desk=desk)
            progress(0.0, f"Asking {self._claude.settings.model} for a script while the templates train.")
            refused = hunt.begin()
            if refused is not None:
                self._why_no_search, hunt = f"No script was written. {refused}", None
                plan = self._unhurried(brief, plan, known)
        share = self._templates_share()
        templates = Templates(ground, brief, known, constant=self._constant, desk=desk, share=share)
        result = templates.train(plan, progress.part(0.0, 0.9 * share))
        result = structs.replace(
            result, search=self._why_no_search or "", spent=self._claude.spent if self._claude else None
        )
        desk.place(result)
        for evaluation in result.trained.evaluations:
            desk.tell(evaluation)
        if hunt:
            result = hunt.run(result, time.monotonic() - started, progress.part(0.9 * share, 0.9))
        progress(0.95, "Writing the report.")
        return desk.close(result, templates.import_s)
