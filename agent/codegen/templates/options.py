"""Features that help with some data and harm with others: tried on a few folds before they are used."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from agent.codegen.templates.choices import Choices
from agent.codegen.templates.config import Config
from agent.codegen.templates.first_look import LOOK_ROWS, Look, quick_trials, rows_to_learn
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.validation import Problem

OPTION_FOLDS = 3  # the last ones, where time counts
OPTION_ROUNDS = 60
SURE = 2.0  # standard errors that a gain must exceed
OPTION_SHARE = 0.1  # of the time that is left, that trying may take


def with_options(problem: Problem, look: Look, config: Config, choices: Choices, pace: Pace) -> Problem:
    """The problem with those options that lower the loss on held-back rows by more than chance would."""
    count = int(problem.fold.max()) + 1
    folds = range(max(0, count - OPTION_FOLDS), count)
    rows = min(LOOK_ROWS, len(problem.fold))
    fits = 2 * len(folds) * len(config.targets) / min(config.threads, len(folds))
    for make, option in zip(choices.options, problem.options, strict=True):
        words = make.__name__.replace("_", " ")
        if OPTION_ROUNDS * look.round_s * rows * fits > OPTION_SHARE * pace.left() or len(folds) < 2:
            pace.say(0.15, f"no time to try {words}")
            continue
        bare = replace(problem, encoders=[], encoded={})
        with_it = replace(problem, encoders=[option], encoded={})

        def gain(number: int, one: Problem = bare, other: Problem = with_it) -> float:
            before, after = (quick_loss(each, number, config, choices, pace) for each in (one, other))
            return 1.0 - after / before if before else 0.0

        with ThreadPoolExecutor(min(config.threads, len(folds))) as pool:
            gains = np.array(list(pool.map(gain, folds)))
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        used = bool(gains.mean() > SURE * error)
        pace.say(0.15, f"{words}: loss {-gains.mean():+.2%} ± {error:.2%}, {'used' if used else 'left out'}")
        if used:
            problem = replace(problem, encoders=[*problem.encoders, option], encoded={})
    return problem


def quick_loss(problem: Problem, number: int, config: Config, choices: Choices, pace: Pace) -> float:
    """The loss on a fold of a quick model of some of the other rows, the mean over the targets."""
    held = np.flatnonzero(problem.fold == number)
    learn = rows_to_learn(problem, number, config, choices)
    losses = []
    trials = quick_trials(problem, config, choices, pace)
    for target, trial in zip(problem.targets, trials, strict=True):
        model = trial.fit(
            number, learn, held, OPTION_ROUNDS, f"options, {trial.name}", at_once=config.threads
        )
        answers = model.predict(trial.matrix(number, learn, held), max(1, len(model.curve)))
        losses.append(choices.loss(target[held], np.reshape(answers, (len(held), -1))))
    return float(np.mean(losses))
