"""What free text says without the target (its shape, its topics) and with it (a linear score)."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, PredefinedSplit
from sklearn.preprocessing import TargetEncoder

from agent.codegen.templates.config import Config
from agent.codegen.templates.features import Block, Encoder, block


def text_shape(frame: pl.DataFrame, config: Config) -> Block:
    """Length, words, capitals, digits and marks of each text."""
    columns: dict[str, NDArray[np.float64]] = {}
    for name in config.texts:
        cells = frame[name].fill_null("")
        length = cells.str.len_chars()
        counts = {
            "length": length,
            "words": cells.str.count_matches(r"\S+"),
            "capitals": cells.str.count_matches(r"\p{Lu}"),
            "digits": cells.str.count_matches(r"\d"),
            "marks": cells.str.count_matches(r"[^\w\s]"),
            "links": cells.str.count_matches(r"https?://"),
        }
        columns |= {f"{name} {key}": count.to_numpy().astype(np.float64) for key, count in counts.items()}
    return block(columns, frame.height)


def term_weights(cells: pl.Series, *, characters: bool) -> csr_matrix | None:
    """TF-IDF of words and pairs (or of short runs of characters); None where no term occurs twice."""
    kind: dict[str, Any] = (
        {"analyzer": "char_wb", "ngram_range": (2, 4), "max_features": 20_000}
        if characters
        else {"ngram_range": (1, 2), "max_features": 20_000, "token_pattern": r"(?u)\b\w+\b|[^\w\s]"}
    )
    vectorizer = TfidfVectorizer(min_df=3, sublinear_tf=True, strip_accents="unicode", **kind)
    try:
        return vectorizer.fit_transform(cells.fill_null("").to_list())
    except ValueError:  # "After pruning, no terms remain"
        return None


def text_topics(frame: pl.DataFrame, config: Config) -> Block:
    """The main directions of each text column's TF-IDF matrix."""
    columns: dict[str, NDArray[np.float64]] = {}
    for name in config.texts:
        weights = term_weights(frame[name], characters=False)
        if weights is None or weights.shape[1] < 4:
            continue
        size = min(16, weights.shape[1] - 1)
        topics = TruncatedSVD(size, random_state=config.seed).fit_transform(weights)
        columns |= {f"{name} topic {i}": topics[:, i].astype(np.float64) for i in range(size)}
    return block(columns, frame.height)


def apart(parts: NDArray[np.int64], config: Config) -> KFold | PredefinedSplit:
    """How rows that are learnt from are kept apart from each other: as the folds keep them."""
    known, codes = np.unique(parts, return_inverse=True)
    if len(known) < 2:
        return KFold(4, shuffle=True, random_state=config.seed)
    return PredefinedSplit(codes)


def text_scores(frame: pl.DataFrame, config: Config) -> Encoder:
    """What a linear model says of all texts together, learnt fold by fold."""
    parts = [
        term_weights(frame[name], characters=characters)
        for name in config.texts
        for characters in (False, True)
    ]
    found = [part for part in parts if part is not None]
    weights = csr_matrix(hstack(found)) if found else csr_matrix((frame.height, 1))
    # What is learnt without two folds serves both: as the one that is held back, and as the other.
    known: dict[tuple[int, int], NDArray[np.float64]] = {}

    def scores(target: NDArray[np.float64], learn: NDArray[np.int64]) -> NDArray[np.float64]:
        key = hash(target.tobytes()), hash(learn.tobytes())
        if key not in known:
            known[key] = linear_scores(weights, target, learn, config)
        return known[key]

    def encode(target: NDArray[np.float64], rows: NDArray[np.int64], parts: NDArray[np.int64]) -> Block:
        table = scores(target, rows).copy()
        for learn, held in apart(parts, config).split(rows):
            table[rows[held]] = scores(target, rows[learn])[rows[held]]
        return block({f"text score {i}": table[:, i] for i in range(table.shape[1])}, frame.height)

    return encode


def linear_scores(
    weights: csr_matrix, target: NDArray[np.float64], learn: NDArray[np.int64], config: Config
) -> NDArray[np.float64]:
    """What a model of the rows `learn` says of all rows, (n_rows, n_scores)."""
    if config.learn == "number":
        ridge = Ridge(alpha=2.0).fit(weights[learn], target[learn])
        return np.reshape(np.asarray(ridge.predict(weights), dtype=np.float64), (-1, 1))
    chances = np.zeros((weights.shape[0], max(2, len(config.classes))))
    seen = np.unique(target[learn]).astype(np.int64)
    if len(seen) > 1:
        # Rows of length 1: to this tolerance the solver needs a fifth of the usual one's time.
        model = LogisticRegression(C=4.0, solver="saga", tol=1e-2, max_iter=100, random_state=config.seed)
        chances[:, seen] = model.fit(weights[learn], target[learn]).predict_proba(weights)
    return chances if config.learn == "chances" else chances[:, 1:2]


def target_means(frame: pl.DataFrame, config: Config) -> Encoder:
    """The smoothed mean of the target for each value of a many-valued column, learnt fold by fold."""
    cells = frame.select(pl.col(config.many_valued).fill_null("")).to_numpy()

    def encode(target: NDArray[np.float64], rows: NDArray[np.int64], parts: NDArray[np.int64]) -> Block:
        kind = {"number": "continuous", "chance": "binary", "chances": "multiclass"}[config.learn]
        encoder = TargetEncoder(target_type=kind, cv=apart(parts, config))
        inside = encoder.fit_transform(cells[rows], target[rows])
        values = np.asarray(encoder.transform(cells), dtype=np.float64)
        values[rows] = inside
        width = values.shape[1] // len(config.many_valued)
        names = [f"{name} mean {i}" for name in config.many_valued for i in range(width)]
        return block(dict(zip(names, values.T, strict=True)), frame.height)

    return encode
