"""A first, quick answer: one small model, judged on one fold, that stands until there is a better one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.codegen.templates.choices import Choices
from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.folds import earlier
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.pool import STOPPABLE
from agent.codegen.templates.validation import Problem, Trial

LOOK_ROUNDS = 40
LOOK_RATE = 0.15
LOOK_ROWS = 20_000
LOOK_SHARE = 0.15  # of the time that is left
ENOUGH = 12.0  # rounds times learning rate, with which boosting has learnt most of what it will
RATE_MAX = 0.3
NEARLY = 0.05  # one fold tells no smaller differences


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the quick model said of the rows `held` (positions among the rows learnt from), by target."""

    raws: list[Raw]
    held: NDArray[np.int64]
    loss: float
    round_s: float  # that one thread takes for one round on one row

    def is_beaten_by(self, mixed: list[Raw], fold: NDArray[np.int64], choices: Choices) -> bool:
        """Whether the mix is as good on the same rows, or nearly: it has learnt from more."""
        places = np.searchsorted(np.flatnonzero(fold >= 0), self.held)
        losses = [choices.loss(raw.truth[places], raw.out_of_fold[places]) for raw in mixed]
        return float(np.mean(losses)) <= (1 + NEARLY) * self.loss


def quick_trials(problem: Problem, config: Config, choices: Choices, pace: Pace) -> list[Trial]:
    """For each target a trial in large steps, of a kind that can stop after any round, if there is one."""
    quick = replace(
        config,
        lightgbm=config.lightgbm | {"learning_rate": LOOK_RATE},
        xgboost=config.xgboost | {"eta": LOOK_RATE},
    )
    return [
        Trial(
            problem=problem,
            config=quick,
            choices=choices,
            pace=pace,
            name=next((kind for kind in STOPPABLE if kind in choices.members), next(iter(choices.members))),
            which=which,
            seed=config.seed,
        )
        for which in range(len(problem.targets))
    ]


def rows_to_learn(problem: Problem, number: int, config: Config, choices: Choices) -> NDArray[np.int64]:
    """What a quick model of a fold learns from: at most `LOOK_ROWS` of its rows."""
    learn = choices.learn_from(problem.fold, number)
    if len(learn) <= LOOK_ROWS:
        return learn
    return np.sort(np.random.default_rng(config.seed).choice(learn, LOOK_ROWS, replace=False))


def first_look(problem: Problem, config: Config, choices: Choices, pace: Pace) -> Look:
    """Learn from some rows, from columns that need no target, and answer the last fold and test."""
    hasty = replace(
        pace, end=pace.now() + LOOK_SHARE * pace.left(), fits=config.threads * len(config.targets)
    )
    number = int(problem.fold.max())
    held = np.flatnonzero(problem.fold == number)
    learn = rows_to_learn(problem, number, config, choices)
    bare = replace(problem, encoders=[], encoded={})
    raws = []
    rounds_made, began = 0, pace.now()
    trials = quick_trials(bare, config, choices, hasty)
    name = trials[0].name
    for target, trial in zip(problem.targets, trials, strict=True):
        model = trial.fit(number, learn, held, LOOK_ROUNDS, f"first look, {name}", at_once=config.threads)
        rounds = max(1, len(model.curve))
        rounds_made += rounds
        answers = [
            np.reshape(model.predict(trial.matrix(number, learn, rows), rounds), (len(rows), -1))
            for rows in (held, problem.test)
        ]
        # Halves: what is tuned on one is judged on the other.
        halves = np.arange(len(held)) % 2
        raws.append(Raw(out_of_fold=answers[0], truth=target[held], fold=halves, test=answers[1]))
    loss = float(np.mean([choices.loss(raw.truth, raw.out_of_fold) for raw in raws]))
    pace.say(0.15, f"first look: {name}, loss {loss:.5g} on one fold")
    round_s = (pace.now() - began) / rounds_made / len(learn)
    return Look(raws=raws, held=held, loss=loss, round_s=round_s)


def hastened(config: Config, choices: Choices, look: Look, fold: NDArray[np.int64], pace: Pace) -> Config:
    """Boosting learns faster where the time has room for too few rounds at the planned rate."""
    kinds = sum(name in STOPPABLE for name in choices.members)
    fits = kinds * len(config.targets) * (int(fold.max()) + 1)
    rounds = pace.left() * config.threads / (fits * look.round_s * len(fold))
    rate = min(RATE_MAX, ENOUGH / max(1.0, rounds))
    if rate <= config.lightgbm["learning_rate"]:
        return config
    pace.say(0.15, f"time for {rounds:.0f} rounds: learning rate {rate:.2g}")
    return replace(
        config,
        lightgbm=config.lightgbm | {"learning_rate": rate},
        xgboost=config.xgboost | {"eta": rate},
        rounds=int(5 * ENOUGH / rate),
        patience=max(10, int(1.5 / rate)),
    )


def without_trend(problem: Problem, config: Config) -> Problem:
    """The problem without columns that only grow with time: all of test is beyond what a tree has seen."""
    grown = {f"{name}{part}" for name in config.split_columns for part in ("", " elapsed days", " year")}
    base = []
    for part in problem.base:
        kept = [place for place, name in enumerate(part.names) if name not in grown]
        names = [part.names[place] for place in kept]
        base.append(replace(part, names=names, values=part.values[:, kept]))
    return replace(problem, base=base, encoded={})


def timely(
    problem: Problem, look: Look, config: Config, choices: Choices, pace: Pace
) -> tuple[Problem, Look]:
    """Where test is later than train: without the trend, if that foretells the last fold better."""
    if choices.learn_from is not earlier:
        return problem, look
    plain = without_trend(problem, config)
    width = sum(len(part.names) for part in plain.base)
    if not 0 < width < sum(len(part.names) for part in problem.base):
        return problem, look
    other = first_look(plain, config, choices, pace)
    return (plain, other) if other.loss < look.loss else (problem, look)
