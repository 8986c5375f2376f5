"""Gets scripts from the model: the question, the streamed answer with its progress, the script in it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

import msgspec

from agent.planning.claude_call import Declined
from agent.search.policy import Draft, call_s, runs_within
from agent.search.prompts import ask, script_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.planning.claude_call import Claude
    from agent.search.limits import Limits
    from agent.search.policy import Improve, Repair
    from agent.search.tree import Tree

_TOLD_EVERY_S: Final = 1.0
_FOLDS: Final = 5


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A script and its idea, or why there is none; what the answer cost."""

    idea: str
    code: str
    dollars: float
    declined: Declined | None = None


class Writer:
    """Asks for one script after the other; the first may be written while something else runs."""

    def __init__(self, claude: Claude, about: str, limits: Limits) -> None:
        self._claude = claude
        self._about = about
        self._limits = limits
        self._ahead: list[Written] = []
        self._thread: threading.Thread | None = None
        self._begun = threading.Event()

    def begin(self, tree: Tree, left_s: float, log: Callable[[str], None]) -> None:
        """Have the first draft written beside what is done meanwhile."""

        def write() -> None:
            self._ahead.append(self._write(Draft(), tree, left_s, log))
            self._begun.set()

        self._thread = threading.Thread(target=write, daemon=True, name="first draft")
        self._thread.start()

    def refused_at_once(self, wait_s: float) -> str | None:
        """Why the first draft, and any other, is refused, if that shows within `wait_s`; None else."""
        self._begun.wait(wait_s)
        declined = self._ahead[0].declined if self._ahead else None
        return declined.note if declined is not None and declined.for_good else None

    def write(
        self, step: Draft | Repair | Improve, tree: Tree, left_s: float, tell: Callable[[str], None]
    ) -> Written:
        """The script of a step, or why there is none."""
        if self._thread is not None:
            started = time.monotonic()
            while self._thread.is_alive() and time.monotonic() - started < left_s:
                tell(f"waiting for {self._claude.settings.model}")
                self._thread.join(_TOLD_EVERY_S)
            self._thread = None
            if self._ahead:
                return self._ahead.pop()
        return self._write(step, tree, left_s, tell)

    def finish(self, left_s: float) -> None:
        """Wait for what was begun and not asked for: it is paid for, and belongs to the account."""
        if self._thread is not None:
            self._thread.join(max(0.0, left_s))

    def _write(
        self, step: Draft | Repair | Improve, tree: Tree, left_s: float, tell: Callable[[str], None]
    ) -> Written:
        timeout_s = min(call_s(left_s, self._limits), self._claude.settings.timeout_s)
        runs = runs_within(left_s - timeout_s, _FOLDS, self._limits)
        seconds = runs.fold_s if runs else self._limits.run_s_min
        question = ask(step, tree, self._about, seconds=seconds, limits=self._limits)
        before = self._claude.spent.dollars
        tell(f"asking {self._claude.settings.model}")
        count_lines = _line_counter(tell)

        def hear(words: str) -> None:
            self._begun.set()
            count_lines(words)

        answer = asyncio.run(self._claude.ask(question, timeout_s=timeout_s, hear=hear, notice=tell))
        spent = self._claude.spent.dollars - before
        if isinstance(answer, Declined):
            return Written(idea="", code="", dollars=spent, declined=answer)
        found = script_in(answer)
        if found is None:
            declined = Declined(why="refusal", note="Claude's answer held no script.")
            return Written(idea="", code="", dollars=spent, declined=declined)
        idea, code = found
        return Written(idea=idea, code=code, dollars=spent)


def _line_counter(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Tells, at most once a second, how many lines of an answer there are."""
    said_at = [0.0]

    def hear(answer: str) -> None:
        if answer and time.monotonic() - said_at[0] >= _TOLD_EVERY_S:
            tell(f"Claude has written {answer.count(chr(10)) + 1} lines")
            said_at[0] = time.monotonic()

    return hear
