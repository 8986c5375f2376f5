"""One other system on one competition, within a budget: python peers.py SYSTEM TASK.json SUBMISSION.csv

It runs with the libraries of requirements/bench-agent.txt and imports nothing of Podium's.  Each system gets
what Podium's analysis found (`tests.bench.contest.Task`): which columns may be learnt from and their kinds,
the target, the metric, and what is asked for.  Validation, features and models are its own.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

CATEGORIES_MAX = 200  # scikit-learn's trees take 255 at most
CLOSING_SHARE, CLOSING_S = 0.1, 4.0  # of the budget, kept back for predicting and ending
BEST_QUALITY_S = 120.0  # with less, bagging and stacking leave each model too little
AUTOGLUON = {
    "qwk": "quadratic_kappa",
    "roc_auc_many": "roc_auc_ovr_macro",
    "mcrmse": "rmse",
    "medae": "median_absolute_error",
    "spearman": "spearmanr",
    "pearson": "pearsonr",
    "rmsle": "rmse",  # of log(1 + y), which every system is given to learn
}
FLAML = {
    "f1_macro": "macro_f1",
    "f1_micro": "micro_f1",
    "average_precision": "ap",
    "roc_auc_many": "roc_auc_ovr",
    "mcrmse": "rmse",
    "rmsle": "rmse",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("task", type=Path)
    parser.add_argument("submission", type=Path)
    given = parser.parse_args()
    task = SimpleNamespace(**json.loads(given.task.read_text()))
    train, test, sample = (read(task, name) for name in ("train", "test", "sample"))
    learn, ask = features(train, task), features(test, task)
    fit = SYSTEMS[given.system]
    end = task.started + task.budget_s * (1 - CLOSING_SHARE) - CLOSING_S
    answers: dict[str, np.ndarray] = {}
    for number, (column, asked) in enumerate(task.targets.items()):
        now = time.monotonic()
        until = now + (end - now) / (len(task.targets) - number)
        truth = target(train[column], task)
        known = truth.notna()
        model = fit(learn[known], truth[known], task, until)
        answers |= answer(model, ask, asked, task, sample)
    ids = sample[task.id_column]
    table = pd.DataFrame(answers)
    if task.ids_in_test:
        table.index = pd.Index(test[task.id_column].astype(str))
        table = table.loc[ids.astype(str)].reset_index(drop=True)
    table.insert(0, task.id_column, ids)
    table[list(sample.columns)].to_csv(given.submission, index=False)


def read(task: SimpleNamespace, name: str) -> pd.DataFrame:
    """A table of the competition as pandas reads it, but for the blanks around cells."""
    where = task.tables[name]
    return pd.read_csv(
        Path(task.folder) / where["path"],
        sep=where["delimiter"],
        encoding=where["encoding"],
        decimal="," if where["decimal_comma"] else ".",
        low_memory=False,
    )


def features(frame: pd.DataFrame, task: SimpleNamespace) -> pd.DataFrame:
    """The columns to learn from, typed by their kinds."""
    columns = {}
    for name, kind in task.features.items():
        cells = frame[name]
        if kind == "numeric":
            columns[name] = pd.to_numeric(cells, errors="coerce")
        elif kind == "datetime":
            when = pd.to_datetime(cells, format="mixed", errors="coerce", utc=True)
            columns[name] = when.dt.tz_localize(None)
        else:
            columns[name] = cells.astype("object").where(cells.isna(), cells.astype(str))
    return pd.DataFrame(columns)


def target(cells: pd.Series, task: SimpleNamespace) -> pd.Series:
    """Labels as the submission spells them, or numbers; of ratios their logarithm."""
    if task.classes:
        spelled = {label.casefold(): label for label in task.classes}
        bare = cells.astype(str).str.strip().str.removesuffix(".0").str.casefold()
        return bare.map(spelled)
    values = pd.to_numeric(cells, errors="coerce")
    return np.log1p(values) if task.metric == "rmsle" else values


def answer(
    model: SimpleNamespace, ask: pd.DataFrame, asked: str, task: SimpleNamespace, sample: pd.DataFrame
) -> dict[str, np.ndarray]:
    """The submission's columns for one target."""
    if task.answer == "value":
        values = np.asarray(model.predict(ask), dtype=float)
        return {asked: np.maximum(np.expm1(values), 0.0) if task.metric == "rmsle" else values}
    if task.answer == "label":
        return {asked: np.asarray(model.predict(ask))}
    chances = model.chances(ask)
    if task.answer == "probability":
        return {asked: np.asarray(chances[task.positive])}
    columns = [column for column in sample.columns if column != task.id_column]
    return {c: np.asarray(chances[label]) for c, label in zip(columns, task.classes, strict=True)}


def hgb(frame: pd.DataFrame, truth: pd.Series, task: SimpleNamespace, _until: float) -> SimpleNamespace:
    """scikit-learn's histogram gradient boosting with its defaults; dates by their parts."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kinds = {name: frame[name].astype("category").cat.categories for name in frame if wordy(frame[name])}
    few = {name: values for name, values in kinds.items() if len(values) <= CATEGORIES_MAX}

    def columns(table: pd.DataFrame) -> pd.DataFrame:
        made = {}
        for name in table:
            if name in few:
                made[name] = pd.Categorical(table[name], categories=few[name])
            elif pd.api.types.is_datetime64_any_dtype(table[name]):
                when = table[name].dt
                made[name] = (table[name] - pd.Timestamp(0)).dt.total_seconds()
                for part in ("year", "month", "day", "weekday", "hour"):
                    made[f"{name} {part}"] = getattr(when, part)
            elif name not in kinds:
                made[name] = table[name]
        return pd.DataFrame(made)

    kind = HistGradientBoostingClassifier if task.classes else HistGradientBoostingRegressor
    model = kind(random_state=0, categorical_features="from_dtype").fit(columns(frame), truth)
    return SimpleNamespace(
        predict=lambda table: model.predict(columns(table)),
        chances=lambda table: pd.DataFrame(model.predict_proba(columns(table)), columns=model.classes_),
    )


def wordy(cells: pd.Series) -> bool:
    """Whether a column holds words, and so categories."""
    return not (pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_datetime64_any_dtype(cells))


def flaml(frame: pd.DataFrame, truth: pd.Series, task: SimpleNamespace, until: float) -> SimpleNamespace:
    """FLAML as it comes; a metric that it does not know is given to it as a function."""
    from flaml import AutoML
    from sklearn import metrics

    known = {
        "mcc": metrics.matthews_corrcoef,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "qwk": lambda a, b: metrics.cohen_kappa_score(a.astype(int), b.astype(int), weights="quadratic"),
    }

    def own_metric(x, y, estimator, _labels, _x_train, _y_train, *_args, **_kwargs):
        loss = 1.0 - known[task.metric](np.asarray(y), np.asarray(estimator.predict(x)))
        return loss, {"loss": loss}

    codes = {label: code for code, label in enumerate(task.classes)}
    if task.positive:  # FLAML scores the class with the higher code
        codes = {label: int(label == task.positive) for label in task.classes}
    names = {code: label for label, code in codes.items()}
    model = AutoML()
    model.fit(
        X_train=frame,
        y_train=(truth.map(codes).astype(int) if task.classes else truth).to_numpy(),
        task="classification" if task.classes else "regression",
        metric=own_metric if task.metric in known else FLAML.get(named(task), named(task)),
        time_budget=max(1.0, until - time.monotonic()),
        retrain_full="budget",
        n_jobs=task.cpus,
        seed=0,
        verbose=1,
    )

    def predict(table: pd.DataFrame) -> np.ndarray:
        found = model.predict(table)
        return np.array([names[int(code)] for code in found]) if task.classes else found

    def chances(table: pd.DataFrame) -> pd.DataFrame:
        labels = [names[int(code)] for code in model.classes_]
        return pd.DataFrame(model.predict_proba(table), columns=labels)

    return SimpleNamespace(predict=predict, chances=chances)


def autogluon(frame: pd.DataFrame, truth: pd.Series, task: SimpleNamespace, until: float) -> SimpleNamespace:
    """AutoGluon (tabular) with the preset that its time has room for."""
    from autogluon.tabular import TabularPredictor

    kind = "regression" if not task.classes else "binary" if len(task.classes) == 2 else "multiclass"
    metric = AUTOGLUON.get(named(task), named(task))
    predictor = TabularPredictor(
        label="the target",
        problem_type=kind,
        eval_metric=metric,
        path=tempfile.mkdtemp(dir="."),
        positive_class=task.positive or None,
        verbosity=0,
    )
    predictor.fit(
        frame.assign(**{"the target": truth}),
        presets="best_quality" if task.budget_s >= BEST_QUALITY_S else "medium_quality",
        time_limit=max(1.0, until - time.monotonic()),
        num_cpus=task.cpus,
        num_gpus=0,
    )
    return SimpleNamespace(predict=predictor.predict, chances=predictor.predict_proba)


def named(task: SimpleNamespace) -> str:
    """The metric's name, told apart where there are more than two classes."""
    return f"{task.metric}_many" if task.metric == "roc_auc" and len(task.classes) > 2 else task.metric


SYSTEMS = {"hgb": hgb, "flaml": flaml, "autogluon": autogluon}

if __name__ == "__main__":
    main()
