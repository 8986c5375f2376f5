"""Faults that pass: each hits a process at random, and is undone some seconds later."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.nodes import DRAIN_S, ExecutorNode, SchedulerNode
from tests.simulation.shape import PASSING

if TYPE_CHECKING:
    from tests.simulation.nodes import Node
    from tests.simulation.shape import Fault
    from tests.simulation.world import World


async def rage(world: World) -> None:
    """Let faults happen for ever."""
    rng = world.rng
    kinds = sorted(world.faults & PASSING)
    while kinds:
        await asyncio.sleep(rng.expovariate(1 / world.shape.fault_every_s))
        strike(world, rng.choice(kinds))


def strike(world: World, fault: Fault) -> None:
    """Let one fault happen to somebody, and end after a while."""
    rng = world.rng
    only = {"host": ExecutorNode, "drain": ExecutorNode, "deaf": ExecutorNode, "clock": SchedulerNode}.get(
        fault, object
    )
    node = rng.choice([node for node in world.nodes if isinstance(node, only)])
    for_s = rng.choice((rng.uniform(0.01, 1), rng.uniform(1, 12), rng.uniform(12, 45)))
    world.struck[fault] += 1
    if fault in {"crash", "host", "stop", "drain", "pause"}:
        _strike_process(world, fault, node, for_s)
    else:
        _strike_senses(world, fault, node, for_s)


def _strike_process(world: World, fault: Fault, node: Node, for_s: float) -> None:
    loop = world.loop
    match fault:
        case "stop":
            node.stop()
            loop.call_later(15 + for_s, node.boot)
        case "drain" if isinstance(node, ExecutorNode):
            node.drain()
            loop.call_later(DRAIN_S + 15 + for_s, node.boot)
        case "pause":
            node.process.pause()
            loop.call_later(for_s, node.process.resume)
        case _:
            node.kill()
            if fault == "host" and isinstance(node, ExecutorNode):
                node.machine.crash()
            loop.call_later(for_s, node.boot)


def _strike_senses(world: World, fault: Fault, node: Node, for_s: float) -> None:
    rng, loop = world.rng, world.loop
    match fault:
        case "cut":
            node.link.fail("cut")
            loop.call_later(for_s, node.heal)
        case "stall":
            node.link.fail("stalled")
            loop.call_later(for_s, node.heal)
        case "lag":
            node.link.lag_s = rng.uniform(0.1, 8)
            loop.call_later(for_s, _catch_up, node)
        case "deaf":
            world.unheard.add(node.name)
            loop.call_later(for_s, world.unheard.discard, node.name)
        case "clock":
            node.clock_error_s += for_s
        case "alien" if world.checker.jobs:
            job_id = rng.choice(list(world.checker.jobs))
            world.broker.store_unreadable(job_id, time=node.clock())


def calm(world: World) -> None:
    """End all faults."""
    world.faults.clear()
    world.unheard.clear()
    for node in world.nodes:
        node.process.resume()
        _catch_up(node)
        node.heal()
        node.boot()


def _catch_up(node: Node) -> None:
    node.link.lag_s = 0.0
