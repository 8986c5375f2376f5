"""Builds the runtime of a cluster: in a pod by its service account, elsewhere by a kubeconfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from lightkube import KubeConfig
from lightkube.core.exceptions import ConfigError

from services.executor.choice import RuntimeChoiceError
from services.executor.container import LABEL_EXECUTOR
from services.executor.kubernetes.api import Api
from services.executor.kubernetes.objects import Layout
from services.executor.kubernetes.runtime import KubernetesRuntime, kubernetes_facts
from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

    from services.executor.kubernetes.settings import KubernetesSettings
    from services.executor.settings import Settings

_ANSWER_S: Final = 10.0
_SPARE_S: Final = 300
"""How much later than its executor the cluster ends an attempt."""

_log = structlog.get_logger(__name__)


async def choose_kubernetes(settings: Settings, cluster: KubernetesSettings) -> KubernetesRuntime:
    """A runtime that is open.

    Raises:
        RuntimeChoiceError: there is no cluster to be found, or it does not let this executor in.
    """
    api = Api(_config(), namespace=cluster.namespace)
    facts = kubernetes_facts(cpus=settings.cpus, memory_bytes=settings.memory_bytes, image=settings.image)
    runtime = KubernetesRuntime(
        api,
        layout=Layout(
            executor=settings.executor,
            image=settings.image,
            disk_bytes=settings.disk_bytes_max,
            deadline_s=int(settings.limit_s + cluster.pending_s) + _SPARE_S,
            competitions_claim=cluster.competitions_claim,
            runtime_class=cluster.runtime_class,
            user_namespaces=cluster.user_namespaces,
        ),
        facts=facts,
        door_host=cluster.door_host,
        told_dir=settings.egress_dir / settings.executor,
        competitions_dir=settings.competitions_dir,
        secrets=settings.secret_variables,
        pending_s=cluster.pending_s,
    )
    try:
        await api.jobs({LABEL_EXECUTOR: settings.executor}, patience_s=_ANSWER_S)
        await runtime.open(cluster.door_port)
    except SandboxError as error:
        await runtime.close()
        raise RuntimeChoiceError(
            f"the cluster does not serve this executor in the namespace {cluster.namespace}: {error}"
        ) from error
    except OSError as error:
        await runtime.close()
        raise RuntimeChoiceError(f"PODIUM_KUBERNETES_DOOR cannot be served: {error}") from error
    _log.info("runtime_kubernetes", namespace=cluster.namespace, image=settings.image, notes=facts.notes)
    return runtime


def _config() -> SingleConfig:
    try:
        config = KubeConfig.from_env().get()
    except ConfigError as error:
        raise RuntimeChoiceError(f"there is no way to a cluster here: {error}") from error
    if config is None:
        raise RuntimeChoiceError("there is no way to a cluster here: the kubeconfig has no current context")
    return config
