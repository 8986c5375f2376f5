"""What `tests.bench.bench_scale` measured, as one picture that reads on light and on dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

_INK = "#8a8f98"
_COLOURS = ("#4c8dd6", "#d68a4c", "#5aa469", "#b46bb4")


def draw(
    path: Path,
    *,
    cost_us: Mapping[str, Sequence[tuple[int, float]]],
    memory_mb: Mapping[str, Sequence[tuple[int, float]]],
) -> None:
    """Each name's points (jobs, value): costs of a job on the left, memory of a process on the right."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _lines(left, cost_us, "processor time, µs a job")
    _lines(right, memory_mb, "memory at most, MB")
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "scale"}):
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def _lines(axes: Axes, of: Mapping[str, Sequence[tuple[int, float]]], label: str) -> None:
    for (name, points), colour in zip(of.items(), _COLOURS, strict=False):
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("jobs in all", color=_INK)
    axes.set_ylabel(label, color=_INK)
    axes.tick_params(colors=_INK)
    for spine in axes.spines.values():
        spine.set_color(_INK)
    axes.legend(frameon=False, labelcolor=_INK, fontsize="small")
