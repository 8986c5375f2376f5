"""The report's pictures, as SVG that reads on light and on dark."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, roc_curve

from agent.labels import as_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from agent.brief import Brief

_INK: Final = "#8a8f98"
_BLUE: Final = "#4c8dd6"
_FAINT_TO_BLUE: Final = LinearSegmentedColormap.from_list("faint to blue", [f"{_BLUE}10", _BLUE])
"""From nearly nothing, so that the page's own colour shows through, light or dark."""

_POINTS_MAX: Final = 1_500
_CLASSES_SHOWN: Final = 15


def importance_plot(importance: Sequence[tuple[str, float]]) -> str:
    """Shares of gain by column, the greatest on top."""
    figure, axes = _blank(height=0.6 + 0.24 * len(importance))
    names = [name for name, _ in reversed(importance)]
    # By place, not by name: two names cut to the same length would share a bar.
    axes.barh(range(len(names)), [share for _, share in reversed(importance)], color=_BLUE)
    axes.set_yticks(range(len(names)), [_literal(name) for name in names])
    axes.set_xlabel("share of gain")
    return _svg(figure, "importance")


def prediction_plot(out_of_fold: pl.DataFrame, train: pl.DataFrame, brief: Brief) -> str | None:
    """Out-of-fold answers against the truth, as fits the answer; None where no picture fits.

    A value: points; a chance: the ROC curve; a label: the confusion matrix, each row as shares.
    """
    target = brief.targets[0]
    truth = train[out_of_fold["row"].to_list()][target.train_column]
    if brief.answer == "value":
        return _points(truth, out_of_fold[target.submission_column], target.submission_column)
    labels = as_labels(truth, brief.classes).to_list()
    if brief.answer == "probability":
        chances = out_of_fold[target.submission_column].cast(pl.Float64)
        return _roc([label == brief.positive_label for label in labels], chances)
    if brief.metric.name.startswith("map@") or len(brief.classes) > _CLASSES_SHOWN:
        return None
    if brief.answer == "label":
        answered = as_labels(out_of_fold[target.submission_column], brief.classes).to_list()
    else:
        best = out_of_fold.select(pl.col(brief.classes).cast(pl.Float64)).to_numpy().argmax(axis=1)
        answered = [brief.classes[code] for code in best]
    return _confusion(labels, answered, brief.classes)


def _points(truth: pl.Series, answered: pl.Series, name: str) -> str:
    pairs = pl.DataFrame({"truth": truth.cast(pl.Float64), "answer": answered.cast(pl.Float64)})
    if pairs.height > _POINTS_MAX:
        pairs = pairs.sample(_POINTS_MAX, seed=0)
    figure, axes = _blank()
    axes.scatter(pairs["truth"], pairs["answer"], s=6, alpha=0.5, color=_BLUE, linewidths=0)
    ends = [np.min(pairs["truth"].to_numpy()), np.max(pairs["truth"].to_numpy())]
    axes.plot(ends, ends, color=_INK, linewidth=1, linestyle="--")
    axes.set_xlabel(f"{_literal(name)}, truth")
    axes.set_ylabel("predicted out of fold")
    return _svg(figure, "points")


def _roc(positive: list[bool], chances: pl.Series) -> str:
    false_rate, true_rate, _ = roc_curve(positive, chances.to_numpy())
    figure, axes = _blank()
    axes.plot(false_rate, true_rate, color=_BLUE)
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=1, linestyle="--")
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate, out of fold")
    return _svg(figure, "roc")


def _confusion(truth: list[str], answered: list[str], classes: tuple[str, ...]) -> str:
    table = confusion_matrix(truth, answered, labels=list(classes))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure, axes = _blank(height=1.6 + 0.3 * len(classes))
    axes.imshow(shares, cmap=_FAINT_TO_BLUE, vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        ink = "white" if shares[row, column] > 0.5 else _INK
        axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=8)
    names = [_literal(name) for name in classes]
    axes.set_xticks(range(len(classes)), names)
    axes.set_yticks(range(len(classes)), names)
    axes.set_xlabel("answered out of fold")
    axes.set_ylabel("truth")
    return _svg(figure, "confusion")


def _blank(height: float = 3.6) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0.0)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    for side, spine in axes.spines.items():
        spine.set_color(_INK)
        spine.set_visible(side in {"left", "bottom"})
    return figure, axes


def _literal(text: str) -> str:
    """A name as it is: matplotlib would read what stands between two dollar signs as mathematics."""
    return "".join(c if c.isprintable() else " " for c in text[:60]).replace("$", r"\$")


def _svg(figure: Figure, salt: str) -> str:
    """The picture as an <svg> element; the same figure gives the same text."""
    text = io.StringIO()
    # Text stays text, to be searched and read aloud; a salt keeps the ids of two pictures apart.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]
