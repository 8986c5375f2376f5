"""What the models have predicted so far, from one seed or several, and the mix of it all."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from agent.codegen.templates.blending import blended
from agent.codegen.templates.choices import Choices
from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.pace import Pace

CHANCE = ("LightGBM", "RandomSplits", "XGBoost", "Network", "ExtraTrees", "LargeTrees", "SmallTrees")
"""Kinds that another seed makes another model of."""

LATER = {"LargeTrees": ("LightGBM", 2.5), "SmallTrees": ("XGBoost", 1.2)}
"""Kinds for a second pass, should there be one: like another kind, so many times its work at most."""

STOPPABLE = ("LightGBM", "RandomSplits", "XGBoost")
"""Kinds that are made of rounds and can stop after any of them."""

GAIN_MIN = 0.001  # of the loss: what two passes must gain for another to be worth its time


@dataclass(kw_only=True)
class Pool:
    """Predictions by kind of model, one `Raw` for each target and each pass."""

    config: Config
    choices: Choices
    passes: dict[str, list[list[Raw]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    best: float = math.inf  # loss of a mix so far

    def add(self, name: str, raws: list[Raw], seconds: float) -> None:
        """Take in one pass of a kind of model: its predictions of each target, and how long it took."""
        self.passes.setdefault(name, []).append(raws)
        self.seconds[name] = seconds

    def tries(self, pace: Pace) -> Iterator[tuple[int, str]]:
        """The number of a pass and a kind of model, one after the other, until nothing is worth its time.

        After the first pass kinds that have not been fitted go first.
        """
        reached: list[float] = []  # the best loss at the start of each pass
        for number in range(self.config.passes):
            if number > 2 and self.best >= (1 - GAIN_MIN) * reached[-2]:
                pace.say(0.95, "more models of these kinds tell nothing new")
                return
            reached.append(self.best)
            for name in sorted(self.choices.members, key=lambda name: number > 0 and name in self.passes):
                if self.worth_fitting(name, number, pace):
                    yield number, name

    def worth_fitting(self, name: str, number: int, pace: Pace) -> bool:
        """Whether a kind of model, or one more seed of it, may tell something new and has the time.

        What cannot stop half way starts only while there is much time left.
        """
        if not self.passes:
            return name not in LATER
        if name in LATER and name not in self.passes:
            like, work = LATER[name]
            return number > 0 and 1.3 * work * self.seconds.get(like, math.inf) < pace.left()
        if name in self.passes:
            counts = name in CHANCE and self.weights[name] > 0
            return counts and 1.3 * self.seconds[name] < pace.left()
        return pace.left() > max(2.0, self.config.needs.get(name, 0.0) * pace.whole)

    def mean(self, name: str) -> list[Raw]:
        """The mean over the passes of a kind of model, for each target."""
        return [
            Raw(
                out_of_fold=np.mean([raw.out_of_fold for raw in raws], axis=0),
                truth=raws[0].truth,
                fold=raws[0].fold,
                test=np.mean([raw.test for raw in raws], axis=0),
            )
            for raws in zip(*self.passes[name], strict=True)
        ]

    def mixed(self) -> tuple[list[Raw], str, float]:
        """The mix for each target, its weights in words, and its loss out of fold."""
        names = list(self.passes)
        columns = zip(*(self.mean(name) for name in names), strict=True)
        mixes = [blended(list(raws), self.choices.loss, self.config.seed) for raws in columns]
        weights = np.mean([shares for _, shares in mixes], axis=0)
        self.weights = dict(zip(names, map(float, weights), strict=True))
        loss = float(np.mean([self.choices.loss(raw.truth, raw.out_of_fold) for raw, _ in mixes]))
        self.best = min(self.best, loss)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.weights.items() if share)
        return [raw for raw, _ in mixes], f"mix: {shares}; loss {loss:.5g}", loss
