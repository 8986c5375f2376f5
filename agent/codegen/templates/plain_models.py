"""Models that are no boosted trees: they err differently, so that a mix with them errs less."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, QuantileTransformer
from sklearn.svm import SVC, SVR

from agent.codegen.templates.config import Config
from agent.codegen.templates.lessons import Lesson, Model

MANY_COLUMNS = 150  # so many numbers and nothing else are mostly of one kind
DIRECTIONS = 60
ROWS_OF_CLASS = 10  # of which a tenth is one


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


def in_one_unit(lesson: Lesson) -> Pipeline:
    """The main directions of many like columns (pixels, counts), which keep their relative sizes."""
    spread = float(np.nanstd(lesson.matrix)) or 1.0
    size = min(DIRECTIONS, *lesson.matrix.shape)
    return make_pipeline(
        SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True),
        FunctionTransformer(lambda matrix: matrix / spread),
        PCA(size, svd_solver="randomized", random_state=0),
    )


def without_rare(lesson: Lesson) -> Lesson:
    """The rows of classes that are in both parts, should the lesson be parted to judge a model inside it."""
    _, code, count = np.unique(lesson.target, return_inverse=True, return_counts=True)
    kept = count[code] >= ROWS_OF_CLASS
    return replace(lesson, matrix=lesson.matrix[kept], target=lesson.target[kept])


def scaled(lesson: Lesson) -> Pipeline | ColumnTransformer:
    """Columns whose distances mean something."""
    many = lesson.matrix.shape[1] > MANY_COLUMNS and not lesson.categorical
    return in_one_unit(lesson) if many else on_one_scale(lesson)


def fitted_to_standard(model: Any, lesson: Lesson, config: Config) -> Model:
    """Fit a model to a target of mean 0 and spread 1."""
    middle, spread = float(lesson.target.mean()), float(lesson.target.std()) or 1.0
    standard = fitted(model, replace(lesson, target=(lesson.target - middle) / spread), config)
    return replace(
        standard, predict=lambda matrix, rounds: standard.predict(matrix, rounds) * spread + middle
    )


def fit_kernel(lesson: Lesson, config: Config) -> Model:
    """A support vector machine with a Gaussian kernel: smooth, where trees have steps."""
    if config.learn == "number":
        return fitted_to_standard(make_pipeline(scaled(lesson), SVR(C=2.0, epsilon=0.05)), lesson, config)
    # Its chances come from pairs of classes: calibrated one against the rest they are twice as far off.
    machine = SVC(
        C=5.0 if lesson.matrix.shape[1] > MANY_COLUMNS else 1.0,
        probability=True,
        random_state=lesson.seed,
    )
    return fitted(make_pipeline(scaled(lesson), machine), lesson, config)


def fit_network(lesson: Lesson, config: Config) -> Model:
    """A small neural network, stopped by a tenth of its rows."""
    number = config.learn == "number"
    kind = MLPRegressor if number else MLPClassifier
    network = kind(
        hidden_layer_sizes=(64, 32),
        alpha=1e-3,
        batch_size=min(128, len(lesson.matrix)),
        learning_rate_init=2e-3,
        early_stopping=True,
        n_iter_no_change=8,
        max_iter=300,
        random_state=lesson.seed,
    )
    known = lesson if number else without_rare(lesson)
    fit = fitted_to_standard if number else fitted
    return fit(make_pipeline(scaled(known), network), known, config)


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
