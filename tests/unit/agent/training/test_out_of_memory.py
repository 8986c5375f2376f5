"""A script that dies for want of memory loses nothing of what it had written before."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from agent.training.script import Bounds, TrainingError, run_solution, take_results
from tests.unit.agent.training.test_outputs import BRIEF, GOOD, KNOWN, PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from agent import child

WRITES = f"""
import argparse, pathlib, os, resource
options = argparse.ArgumentParser()
for name in ("--data", "--output", "--seconds"):
    options.add_argument(name)
output = pathlib.Path(options.parse_args().output)
answer, oof = "id,y\\n1,yes\\n2,no\\n", {GOOD!r}
"""
KEEPS = """
(output / "submission.csv").write_text(answer)
for name in ("oof", "oof_quick"):
    (output / f"{name}.csv").write_text(oof)
"""
NO_MEMORY = """
resource.setrlimit(resource.RLIMIT_DATA, (2**26, 2**26))
cells = bytearray(2**28)
"""
KILLED = "os.kill(os.getpid(), 9)  # as the kernel does to whoever takes too much\n"


def ended(tmp_path: Path, code: str) -> tuple[Path, child.Ended]:
    script, data, output = tmp_path / "solution.py", tmp_path / "data", tmp_path / "out"
    data.mkdir()
    output.mkdir()
    script.write_text(WRITES + code)
    run = run_solution(
        script,
        data,
        output,
        bounds=Bounds(seconds=20, threads=1),
        environment=os.environ,
        progress=lambda _done, _words: None,
        log=lambda _: None,
    )
    return output, run


@pytest.mark.parametrize(("end", "why"), [(NO_MEMORY, "exit code 1"), (KILLED, "signal 9")])
def test_the_first_look_stays_when_memory_runs_out(tmp_path: Path, end: str, why: str) -> None:
    output, run = ended(tmp_path, KEEPS + end)
    trained = take_results(output, run, known=KNOWN, brief=BRIEF, plan=PLAN, until=math.inf)
    assert [each.model for each in trained.evaluations] == ["quick"]
    assert why in trained.remarks[0]


def test_without_anything_written_memory_is_said_to_be_the_reason(tmp_path: Path) -> None:
    output, run = ended(tmp_path, NO_MEMORY)
    with pytest.raises(TrainingError) as caught:
        take_results(output, run, known=KNOWN, brief=BRIEF, plan=PLAN, until=math.inf)
    assert "MemoryError" in caught.value.error_tail
