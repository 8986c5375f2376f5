"""An agent that works for a second or so, speaks as Podium's own does, and leaves marks of when it lived.

What an attempt does is drawn from the seed, its job's budget (which the tester sets to the job's number) and
its own number.  A mark is a file: its name has the job and the attempt, its text the start, its time of
change the last moment at which the process was alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.unit.executor import stage

if TYPE_CHECKING:
    from pathlib import Path

BEAT_S: Final = 0.05

_BODY: Final = f"""
import random
job_id, attempt = output.parts[-3:-1]
mark = marks / f"{{job_id}}_{{attempt}}_{{os.urandom(4).hex()}}"
mark.write_text(str(time.time()))
chance = random.Random(f"{{seed}}/{{os.environ['PODIUM_BUDGET_S']}}/{{attempt}}")
stage_s, fate = chance.uniform(0.25, 1.0), chance.random()

def work(duration_s):
    until = time.monotonic() + duration_s
    while (left := until - time.monotonic()) > 0:
        os.utime(mark)
        time.sleep(min({BEAT_S}, left))

for stage in ("analysis", "planning", "codegen", "training"):
    say("stage_started", stage=stage)
    for step in range(1, 6):
        work(stage_s / 5)
        say("stage_progressed", stage=stage, fraction=step / 5, message=f"step {{step}}")
    say("stage_completed", stage=stage, summary="done")
    if stage != "codegen":
        continue
    if fate < 0.07:
        sys.exit(3)
    if fate < 0.13:
        os.kill(os.getpid(), signal.SIGKILL)
    if fate < 0.2:
        say("failed", reason="bad_luck", message="It was not meant to be.", retryable=True)
        sys.exit(1)
model("m")
mark.with_name(f"{{mark.name}}.end").touch()
succeed()
"""


def command(folder: Path, *, marks: Path, seed: int) -> tuple[str, ...]:
    """The command of the agent, whose script is written into a folder; one in five of its runs fails."""
    return stage.agent(folder, f"marks, seed = Path({str(marks)!r}), {seed}\n{_BODY}")
