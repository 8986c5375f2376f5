"""What an attempt's sandbox is told and may reach, from the job and the settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from events.job import Failure
from events.progress import NONCE_VARIABLE
from services.executor.runtime import SandboxSpec

if TYPE_CHECKING:
    from events.job import Job
    from services.executor.runtime import Facts
    from services.executor.settings import Settings

SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
_PLANNED_SHARE: Final = 0.7
"""How much of a job's own time limit its agent plans for: start, download and report take time too."""
_THREAD_COUNTS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def specify(job: Job, attempt: int, settings: Settings, facts: Facts, *, nonce: str) -> SandboxSpec | Failure:
    """The sandbox of an attempt, or why there can be none.

    A competition on this machine needs a network only for a model's API; then it gets no Kaggle secret.
    """
    local = job.source == "local"
    data_dir = None
    if local:
        if settings.competitions_dir is None:
            return _refused("PODIUM_COMPETITIONS_DIR is not set, so there are no local competitions.")
        if not SLUG.fullmatch(job.competition):
            return _refused(f"{job.competition!r} is not the name of a competition.")
        data_dir = (settings.competitions_dir / job.competition / "public").absolute()
        if not data_dir.is_dir():
            return _refused(f"There is no local competition {job.competition}: no folder {data_dir}.")
    passed = settings.model_variables if local else {**settings.kaggle_variables, **settings.model_variables}
    threads = str(max(1, int(facts.cpus)))
    return SandboxSpec(
        job_id=job.job_id,
        attempt=attempt,
        variables={
            **dict.fromkeys(_THREAD_COUNTS, threads),
            **passed,
            NONCE_VARIABLE: nonce,
            "PODIUM_COMPETITION": job.competition,
            "PODIUM_BUDGET_S": str(budget_s_of(job, settings)),
            "PODIUM_CPUS": f"{facts.cpus:g}",
            **({"PODIUM_SUBMIT_AS": f"Podium job {job.job_id}"} if job.submit else {}),
            **({"PODIUM_DOLLARS": f"{dollars_left(job, settings):.6f}"} if settings.calls_model else {}),
        },
        data_dir=data_dir,
        cpus=facts.cpus,
        memory_bytes=facts.memory_bytes,
        network=not local or settings.calls_model,
    )


def limit_s_of(job: Job, settings: Settings) -> float:
    """When an attempt of the job is stopped: the smaller of its own limit and the executor's."""
    return settings.limit_s if job.time_limit_s is None else min(settings.limit_s, job.time_limit_s)


def budget_s_of(job: Job, settings: Settings) -> int:
    """What was asked for; but an agent that plans for the whole of its limit would be stopped at its end."""
    planned_s = job.budget_s or settings.budget_s
    if job.time_limit_s is None:
        return planned_s
    return min(planned_s, int(limit_s_of(job, settings) * _PLANNED_SHARE))


def dollars_left(job: Job, settings: Settings) -> float:
    """What the job's next attempt may spend: the limit is the job's, whatever earlier attempts cost."""
    asked = settings.dollars_max if job.dollars_max is None else min(job.dollars_max, settings.dollars_max)
    return max(0.0, asked - job.dollars)


def _refused(message: str) -> Failure:
    return Failure(reason="competition_not_found", message=message, retryable=False)
