"""How an attempt stands, by what the cluster says of its pod: to wait for, running, ended, or lost.  Pure.

What the cluster did to a pod counts as an accident, for another attempt to mend; what the pod did itself
(its exit, its memory, its disk) counts as in any other runtime.
Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from events.job import Failure
from services.executor.kubernetes.objects import AGENT, PORTER
from services.executor.runtime import Exit

if TYPE_CHECKING:
    from lightkube.models.core_v1 import ContainerStatus, PodCondition
    from lightkube.resources.core_v1 import Pod

_REFUSED_IMAGES: Final = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
"""``ErrImagePull`` is the first try, after which the cluster tries again: it becomes one of these."""
_REFUSED_STARTS: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_DISRUPTIONS: Final = {
    "PreemptionByScheduler": "preempted",
    "DeletionByTaintManager": "node_lost",
    "DeletionByPodGC": "node_lost",
}


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The agent does not run yet; `why` is the cluster's word for it, "" where it says nothing."""

    why: str


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The agent runs."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The agent has ended by itself."""

    exit: Exit


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The pod can do no more, and why."""

    failure: Failure


State: TypeAlias = Waiting | Running | Ended | Lost


def judge(pod: Pod, *, gone: bool) -> State:
    """How the attempt of a pod stands; `gone`: this is the last that was seen of it."""
    agent = _status(pod, AGENT)
    ended = agent.state.terminated if agent and agent.state else None
    # A success stands whatever happened to the pod afterwards.
    if ended is not None and ended.exitCode == 0:
        return Ended(exit=Exit(code=0, out_of_memory=False))
    if (lost := _taken_away(pod)) is not None:
        return Lost(failure=lost)
    if ended is not None:
        if ended.reason == "ContainerStatusUnknown":
            return _lost("node_lost", "Its node does not know how the agent ended.")
        return Ended(exit=Exit(code=ended.exitCode, out_of_memory=ended.reason == "OOMKilled"))
    if gone:
        return _lost("pod_gone", "Its pod was deleted.")
    if pod.status is not None and pod.status.phase == "Failed":
        return _lost(
            "pod_failed", f"Its pod failed: {pod.status.reason or ''} {pod.status.message or ''}".strip()
        )
    porter = _status(pod, PORTER)
    if porter and porter.state and porter.state.terminated:
        return _lost("porter_ended", f"Its porter ended with exit code {porter.state.terminated.exitCode}.")
    return _not_ended(pod, agent)


def _not_ended(pod: Pod, agent: ContainerStatus | None) -> State:
    state = agent.state if agent else None
    if state is not None and state.running is not None:
        return Running()
    if state is None or state.waiting is None:
        return Waiting(why=_unscheduled(pod))
    reason, message = state.waiting.reason or "", state.waiting.message or ""
    said = f"{reason}: {message}" if message else reason
    if reason in _REFUSED_IMAGES:
        image = agent.image if agent else ""
        what = f"The image {image} cannot be pulled ({said}): PODIUM_AGENT_IMAGE names it."
        return Lost(failure=Failure(reason="image_missing", message=what, retryable=False))
    if reason in _REFUSED_STARTS:
        return _lost("start_failed", f"The agent's container could not be started: {said}")
    return Waiting(why=said)


def _taken_away(pod: Pod) -> Failure | None:
    """Why the cluster ended a pod, None where it did not.

    A kubelet that evicts a pod for what the pod itself took of the disk says so without a disruption: that is
    no accident of the node's.
    """
    status = pod.status
    if status is None:
        return None
    condition = _condition(pod, "DisruptionTarget")
    if condition is not None and condition.status == "True":
        reason = _DISRUPTIONS.get(condition.reason or "", "evicted")
        message = f"The cluster took its pod away ({condition.reason}): {condition.message or ''}".strip(": ")
        return Failure(reason=reason, message=message, retryable=True)
    if status.reason == "Evicted":
        message = f"The attempt used more of the disk than it may: {status.message or ''}".strip(": ")
        return Failure(reason="disk_full", message=message, retryable=False)
    return None


def _unscheduled(pod: Pod) -> str:
    condition = _condition(pod, "PodScheduled")
    return (condition.message or "") if condition is not None and condition.status == "False" else ""


def _condition(pod: Pod, kind: str) -> PodCondition | None:
    conditions = (pod.status.conditions if pod.status else None) or ()
    return next((one for one in conditions if one.type == kind), None)


def _status(pod: Pod, container: str) -> ContainerStatus | None:
    statuses = (pod.status.containerStatuses if pod.status else None) or ()
    return next((one for one in statuses if one.name == container), None)


def _lost(reason: str, message: str) -> Lost:
    return Lost(failure=Failure(reason=reason, message=message, retryable=True))
