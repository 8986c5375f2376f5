"""What free text says without the target (its shape, its topics) and with it (a linear score)."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, PredefinedSplit, cross_val_predict
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

    def encode(target: NDArray[np.float64], rows: NDArray[np.int64], parts: NDArray[np.int64]) -> Block:
        labels = config.learn != "number"
        model = LogisticRegression(C=4.0, max_iter=200) if labels else Ridge(alpha=2.0)
        method = "predict_proba" if labels else "predict"
        inner = apart(parts, config)
        inside = cross_val_predict(model, weights[rows], target[rows], cv=inner, method=method)
        scores = getattr(model.fit(weights[rows], target[rows]), method)(weights)
        scores[rows] = inside
        table = scores.reshape(frame.height, -1)
        table = table[:, 1:] if labels and table.shape[1] == 2 else table
        return block({f"text score {i}": table[:, i] for i in range(table.shape[1])}, frame.height)

    return encode


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
