"""`python -m agent`: one attempt, told by PODIUM_* variables, speaking by lines on its standard output."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from agent.deadline import Deadline, process_started
from agent.errors import CompetitionError
from agent.last_word import LastWord
from agent.settings import EGRESS_VARIABLE, Settings, read_settings
from agent.solve import solve
from agent.speech import speaker
from events.progress import NONCE_VARIABLE, Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from events.progress import Submitted

_PR_SET_DUMPABLE = 4


def main() -> int:
    """Run the attempt; the exit code is 0 after Succeeded, 1 after Failed, 143 after SIGTERM."""
    signal.signal(signal.SIGTERM, _terminated)
    # Whatever a library prints must not get between our lines: they go to a descriptor of their own.
    voice = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    hide_environment()
    # Out of the environment: nothing that we start may speak in our name.
    say = speaker(voice, nonce=os.environ.pop(NONCE_VARIABLE, ""))
    last = LastWord(say)
    try:
        if EGRESS_VARIABLE in os.environ:
            from agent.relay import lead_out  # noqa: PLC0415 - slow to import, not always needed

            lead_out(os.environ)
        settings = read_settings(os.environ)
        whole = Deadline(at=process_started() + settings.budget_s, budget_s=settings.budget_s)
        deadline = Deadline(at=whole.at - settings.submit_s, budget_s=settings.budget_s - settings.submit_s)
        last.watch(whole.last_word_at(), _leave)
        os.environ.setdefault("MPLCONFIGDIR", str(settings.work_dir / "matplotlib"))
        return solve(
            settings,
            last.tell,
            fetch=_fetcher(settings),
            environment=dict(os.environ),
            log=_log,
            deadline=deadline,
            last=last,
            submit=_submitter(settings, until=whole.last_word_at()) if settings.submit_as else None,
        )
    except CompetitionError as error:
        last.say(Failed(reason=error.reason, message=error.message, retryable=error.retryable))
    except Exception as error:  # noqa: BLE001 - the attempt's last word must be said whatever went wrong
        import traceback  # noqa: PLC0415 - as slow to import as all of ours

        traceback.print_exc(file=sys.stderr)
        last.say(own_failure(error))
    return 1


def own_failure(error: Exception) -> Failed:
    """What the agent says of an error that none of its steps expected; of a full disk that it was one."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        message = "There was no room left on the disk for the attempt's files."
        return Failed(reason="disk_full", message=message, retryable=True)
    message = f"The agent failed on its own account: {type(error).__name__}. Its log has the details."
    return Failed(reason="agent_error", message=message, retryable=True)


def _fetcher(settings: Settings) -> Callable[[Path, Callable[[float, str], None]], str | None]:
    def fetch(data_dir: Path, progress: Callable[[float, str], None]) -> str | None:
        from agent.sources.kaggle_client import kaggle_settings  # noqa: PLC0415 - slow to import, seldom needed
        from agent.sources.kaggle_source import fetch as fetch_from_kaggle  # noqa: PLC0415

        found = fetch_from_kaggle(
            settings.competition, data_dir, progress=progress, settings=kaggle_settings(os.environ)
        )
        return found.evaluation_metric

    return fetch


def _submitter(settings: Settings, *, until: float) -> Callable[[Path], Submitted]:
    def submit(path: Path) -> Submitted:
        from agent.sources.kaggle_client import kaggle_settings  # noqa: PLC0415 - slow to import, seldom needed
        from agent.sources.kaggle_submission import submit as submit_to_kaggle  # noqa: PLC0415

        return submit_to_kaggle(
            path,
            settings.competition,
            name=settings.submit_as or "",
            settings=kaggle_settings(os.environ),
            until=until,
        )

    return submit


def hide_environment() -> None:
    """Keep other processes of this user, a script's above all, from reading our environment and memory."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - the first line need not wait for it

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _leave(code: int) -> None:
    """End at once, with all that was started: what a thread or a library is at does not hold us up."""
    from agent.processes import descendants  # noqa: PLC0415

    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(code)


def _terminated(_signal: int, _frame: object) -> NoReturn:
    sys.exit(143)


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
