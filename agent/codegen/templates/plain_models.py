"""Models that are no boosted trees: they err differently, so that a mix with them errs less."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from agent.codegen.templates.config import Config
from agent.codegen.templates.lessons import Lesson, Model


def on_one_scale(lesson: Lesson) -> ColumnTransformer:
    """Numbers by their rank, as a bell curve, missing as the median; a column of 0 and 1 for each code."""
    coded = set(lesson.categorical)
    numbers = [i for i in range(lesson.matrix.shape[1]) if i not in coded]
    ranks = QuantileTransformer(
        n_quantiles=min(200, len(lesson.matrix)), output_distribution="normal", random_state=0
    )
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), ranks),
                numbers,
            ),
            (
                "codes",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False),
                lesson.categorical,
            ),
        ]
    )


def fitted(model: Any, lesson: Lesson, config: Config) -> Model:
    """Fit a scikit-learn model to the lesson; the chance of the positive class where there are two."""
    classes = config.learn != "number"
    model.fit(lesson.matrix, lesson.target.astype(np.int64) if classes else lesson.target)
    outputs = len(config.classes) if config.learn == "chances" else 2

    def predict(matrix: NDArray[np.float32], _rounds: int) -> NDArray[np.float64]:
        if not classes:
            return np.asarray(model.predict(matrix), dtype=np.float64)
        chances = np.zeros((len(matrix), outputs))
        chances[:, model.classes_] = model.predict_proba(matrix)
        return chances if config.learn == "chances" else chances[:, 1]

    gains = getattr(model[-1], "feature_importances_", np.zeros(lesson.matrix.shape[1]))
    return Model(predict=predict, curve=np.array([]), gains=np.asarray(gains, dtype=np.float64))


def fit_linear(lesson: Lesson, config: Config) -> Model:
    """A ridge regression, or a logistic one."""
    linear = (
        RidgeCV(alphas=np.logspace(-1, 4, 11))
        if config.learn == "number"
        else LogisticRegression(C=0.1, max_iter=300)
    )
    return fitted(make_pipeline(on_one_scale(lesson), linear), lesson, config)


def fit_extra_trees(lesson: Lesson, config: Config) -> Model:
    """Many deep trees with splits at random, averaged."""
    kind = ExtraTreesRegressor if config.learn == "number" else ExtraTreesClassifier
    share = 0.4 if config.learn == "number" else "sqrt"
    trees = kind(200, min_samples_leaf=2, max_features=share, n_jobs=lesson.threads, random_state=lesson.seed)
    return fitted(
        make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), trees), lesson, config
    )


def fit_neighbours(lesson: Lesson, config: Config) -> Model:
    """The mean of the rows that are most alike."""
    kind = KNeighborsRegressor if config.learn == "number" else KNeighborsClassifier
    near = kind(min(12, len(lesson.matrix)), weights="distance", n_jobs=lesson.threads)
    return fitted(make_pipeline(on_one_scale(lesson), near), lesson, config)
