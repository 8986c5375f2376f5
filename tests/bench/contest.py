"""One system on one competition: what it is told, what it may use, and how it did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from agent.brief import Brief

ROOT: Final = Path(__file__).parents[2]
LATE_S: Final = 2.0
"""A process takes as long to start and to end."""

KILL_S: Final = 10.0
"""So long after the budget a system is killed: what it has written by then counts, as late."""

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What every system may use, and the Python that has the peers' libraries."""

    budget_s: int
    cpus: int
    memory_mb: int
    peers_python: Path


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer is told of a competition; its budget counts from `started`, a `time.monotonic()`."""

    folder: str
    tables: dict[str, dict[str, Any]]
    id_column: str
    ids_in_test: bool
    targets: dict[str, str]
    features: dict[str, str]
    classes: tuple[str, ...]
    positive: str
    answer: str
    metric: str
    budget_s: int
    cpus: int
    started: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a system did; `score` is None where it left nothing valid, `expected` what it said of itself."""

    score: float | None
    seconds: float
    peak_mb: float
    late: bool
    error: str | None
    expected: float | None = None


def run_podium(folder: Path, grade: Any, means: Means) -> Result:
    """The agent as a sandbox starts it, with templates only."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        environment = {
            "PODIUM_COMPETITION": folder.name,
            "PODIUM_DATA_DIR": str(folder / "public"),
            "PODIUM_OUTPUT_DIR": str(out),
            "PODIUM_WORK_DIR": str(Path(scratch) / "work"),
            "PODIUM_BUDGET_S": str(means.budget_s),
            "PODIUM_CPUS": str(means.cpus),
        }
        ran = watch([sys.executable, "-m", "agent"], environment, ROOT, means)
        result = judged(ran, grade(folder.name, str(out / "submission.csv")), means)
        metrics = out / "metrics.json"
        if metrics.exists():
            expected = json.loads(metrics.read_text())["score"]
            result = msgspec.structs.replace(result, expected=expected)
    return result


def run_peer(system: str, folder: Path, brief: Brief, grade: Any, means: Means) -> Result:
    """Another system, told what Podium's analysis found; what the analysis took is not counted."""
    tables = {"train": brief.train, "test": brief.test, "sample": brief.sample}
    with tempfile.TemporaryDirectory() as scratch:
        path, submission = Path(scratch) / "task.json", Path(scratch) / "submission.csv"
        task = Task(
            folder=str(folder / "public"),
            tables={n: {"path": t.path, **msgspec.structs.asdict(t.dialect)} for n, t in tables.items()},
            id_column=brief.id_column,
            ids_in_test=brief.id_in_test,
            targets={target.train_column: target.submission_column for target in brief.targets},
            features={feature.name: feature.kind for feature in brief.features},
            classes=brief.classes,
            positive=(brief.positive_label or "") if len(brief.classes) == 2 else "",
            answer=brief.answer,
            metric=brief.metric.name,
            budget_s=means.budget_s,
            cpus=means.cpus,
            started=time.monotonic(),
        )
        path.write_bytes(msgspec.json.encode(task))
        script = str(Path(__file__).with_name("peers.py"))
        command = [str(means.peers_python), script, system, str(path), str(submission)]
        ran = watch(command, {}, Path(scratch), means)
        return judged(ran, grade(folder.name, str(submission)), means)


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a process went; `killed` says for what, `last_words` what it wrote last."""

    seconds: float
    peak_mb: float
    killed: str | None
    last_words: str


def judged(ran: Ran, graded: dict[str, Any], means: Means) -> Result:
    """The grader's word on what a process left."""
    error = graded["error"]
    if error is not None:
        error = f"{error} ({ran.killed or ran.last_words})"
    return Result(
        score=graded["score"],
        seconds=ran.seconds,
        peak_mb=ran.peak_mb,
        late=ran.seconds > means.budget_s + LATE_S,
        error=error,
    )


def watch(command: list[str], environment: dict[str, str], cwd: Path, means: Means) -> Ran:
    """Run a command to its end, or kill it with all that it started: for time, or for memory."""
    given = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
    given |= {name: os.environ[name] for name in os.environ if name.startswith("OPENBLAS_")}
    given |= dict.fromkeys(_THREADS, str(means.cpus)) | {"HOME": str(cwd)} | environment
    started, peak_mb, killed = time.monotonic(), 0.0, None
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, cwd=cwd, env=given, stdout=subprocess.DEVNULL, stderr=words)
        while process.poll() is None:
            family = relatives(process.pid)
            peak_mb = max(peak_mb, sum(family.values()))
            if time.monotonic() - started > means.budget_s + KILL_S:
                killed = "killed: out of time"
            elif sum(family.values()) > means.memory_mb:
                killed = "killed: out of memory"
            if killed:
                for pid in family:
                    end(pid)
                process.wait()
            time.sleep(0.2)
        seconds = time.monotonic() - started
        words.seek(0)
        last = words.read()[-300:].decode(errors="replace").strip().splitlines()
    return Ran(seconds=seconds, peak_mb=peak_mb, killed=killed, last_words=last[-1] if last else "")


def end(pid: int) -> None:
    """Kill a process, which may have ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def relatives(root: int) -> dict[int, float]:
    """A process and all that it started, with the memory of each in MB; a shared page counts in each."""
    parents: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            lines = (folder / "status").read_text().splitlines()
            fields = dict(line.split(":", 1) for line in lines if ":" in line)
        except (OSError, ValueError):  # It has ended in between.
            continue
        resident_kb = float(fields.get("VmRSS", "0 kB").split()[0])
        parents[int(fields["Pid"])] = (int(fields["PPid"]), resident_kb / 1024)

    def ours(pid: int) -> bool:
        return pid == root or (pid in parents and pid > 1 and ours(parents[pid][0]))

    return {pid: resident_mb for pid, (_, resident_mb) in parents.items() if ours(pid)}
