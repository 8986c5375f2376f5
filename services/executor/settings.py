"""The executor's settings, from the environment."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

import msgspec

from services import nats_tls
from services.environment import SettingError
from services.executor.kubernetes.settings import KubernetesSettings, read_kubernetes
from services.nats_tls import NatsTls

if TYPE_CHECKING:
    from services.environment import Environment

RuntimeChoice: TypeAlias = Literal["docker", "process", "kubernetes", "auto"]

DISK_BYTES_MAX: Final = 64 * 1024**3
DRAIN_S: Final = 20.0
LOG_BYTES: Final = 256 * 1024**2
LOG_DAYS: Final = 7

_KAGGLE: Final = ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_ENDPOINT")
_MODEL: Final = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "PODIUM_MODEL", "PODIUM_SEED"),
    "PODIUM_MODEL_CODE",
)
_MODEL_CODE: Final = frozenset({"allow", "refuse"})
_SECRET: Final = ("KAGGLE_KEY", "ANTHROPIC_API_KEY")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log is, how many attempts run here at once, in what, and what they are given.

    `slots` is None for as many as there is room for; `cpus` and `memory_bytes` are for each attempt.  At
    SIGTERM attempts have `drain_s` for their end before they are handed over (0: they are stopped).
    Artifacts are kept for `artifact_days` and log lines for `log_days` (0: for ever), of all lines at most
    `log_bytes`.  `kaggle_variables` and `model_variables` are passed to the agent as they are, where set;
    `dollars_max` is the most that calls to a language model may cost for a job.  `kubernetes` is there where
    that is the `runtime`.
    """

    nats_url: str
    nats_replicas: int
    executor: str
    slots: int | None
    drain_s: float
    runtime: RuntimeChoice
    docker_host: str | None
    image: str
    docker_runtime: str | None
    cpus: float
    memory_bytes: int
    disk_bytes_max: int
    limit_s: float
    budget_s: int
    competitions_dir: Path | None
    work_dir: Path
    egress_dir: Path
    pulse_file: Path | None
    kaggle_variables: dict[str, str]
    model_variables: dict[str, str]
    dollars_max: float = 1.0
    kubernetes: KubernetesSettings | None = None
    artifact_days: float = 0
    log_bytes: int = LOG_BYTES
    log_days: float = LOG_DAYS
    nats_tls: NatsTls | None = None

    @property
    def calls_model(self) -> bool:
        """There is a key for a language model."""
        return "ANTHROPIC_API_KEY" in self.model_variables

    @property
    def secret_variables(self) -> dict[str, str]:
        """Those of the agent's variables that must never be seen."""
        passed = {**self.kaggle_variables, **self.model_variables}
        return {name: passed[name] for name in _SECRET if name in passed}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be seen."""
        return tuple(self.secret_variables.values())


def read(environment: Environment) -> Settings:
    """The settings in the environment.

    Raises:
        SettingError: one of them is missing or wrong.
    """
    competitions = environment.optional("PODIUM_COMPETITIONS_DIR")
    work_dir = Path(environment.text("PODIUM_WORK_DIR", "~/.podium")).expanduser().absolute()
    executor, runtime = _executor(environment), _runtime(environment)
    return Settings(
        nats_url=environment.text("NATS_URL", "nats://127.0.0.1:4222"),
        nats_replicas=environment.integer("PODIUM_NATS_REPLICAS", 1, at_least=1),
        nats_tls=nats_tls.read(environment),
        executor=executor,
        slots=_slots(environment),
        drain_s=environment.number("PODIUM_DRAIN_S", DRAIN_S),
        runtime=runtime,
        kubernetes=read_kubernetes(environment, executor=executor) if runtime == "kubernetes" else None,
        docker_host=environment.optional("DOCKER_HOST"),
        image=environment.text("PODIUM_AGENT_IMAGE", "podium-agent:local"),
        docker_runtime=environment.optional("PODIUM_DOCKER_RUNTIME"),
        cpus=environment.number("PODIUM_CPUS", 4, at_least=0.1),
        memory_bytes=environment.integer("PODIUM_MEMORY_BYTES", 8 * 1024**3, at_least=64 * 1024**2),
        disk_bytes_max=environment.integer("PODIUM_DISK_BYTES_MAX", DISK_BYTES_MAX, at_least=1024**2),
        limit_s=environment.number("PODIUM_ATTEMPT_LIMIT_S", 7200, at_least=1),
        budget_s=environment.integer("PODIUM_BUDGET_S", 1800, at_least=1),
        competitions_dir=Path(competitions) if competitions else None,
        pulse_file=environment.path("PODIUM_PULSE_FILE"),
        work_dir=work_dir,
        egress_dir=environment.path("PODIUM_EGRESS_DIR") or work_dir / "egress",
        artifact_days=environment.number("PODIUM_ARTIFACT_DAYS", 0),
        log_bytes=environment.integer("PODIUM_LOG_BYTES", LOG_BYTES, at_least=1024**2),
        log_days=environment.number("PODIUM_LOG_DAYS", LOG_DAYS),
        kaggle_variables=_given(environment, _KAGGLE),
        model_variables=_model_variables(environment),
        dollars_max=environment.number("PODIUM_DOLLARS", 1.0),
    )


def _slots(environment: Environment) -> int | None:
    if environment.optional("PODIUM_SLOTS") is None:
        return None
    return environment.integer("PODIUM_SLOTS", 1, at_least=1)


def _model_variables(environment: Environment) -> dict[str, str]:
    found = _given(environment, _MODEL)
    choice = found.get("PODIUM_MODEL_CODE", "refuse")
    if choice not in _MODEL_CODE:
        raise SettingError(f"PODIUM_MODEL_CODE should be refuse or allow, or unset, not {choice!r}")
    return found


def _given(environment: Environment, names: tuple[str, ...]) -> dict[str, str]:
    found = {name: environment.optional(name) for name in names}
    return {name: value for name, value in found.items() if value}


def _executor(environment: Environment) -> str:
    """An id that can be part of a subject and of a file's name; a host's dots become dashes."""
    given = environment.optional("PODIUM_EXECUTOR_ID")
    executor = given or re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())
    if not _ID.fullmatch(executor):
        raise SettingError(
            f"PODIUM_EXECUTOR_ID should be letters, digits, '-' and '_' (100 at most), not {executor!r}"
        )
    return executor


def _runtime(environment: Environment) -> RuntimeChoice:
    choice = environment.text("PODIUM_RUNTIME", "auto")
    if choice not in {"docker", "process", "kubernetes", "auto"}:
        raise SettingError(f"PODIUM_RUNTIME should be docker, process, kubernetes or auto, not {choice!r}")
    return cast("RuntimeChoice", choice)
