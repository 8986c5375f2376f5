"""Writes a competition drawn by a seed, and keeps what is true of it."""

from __future__ import annotations

import csv
import gzip
import io
import random
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from tests.unit.agent.quirks import draws

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

TRAIN_ROWS, TEST_ROWS = 240, 80
Table = dict[str, list[str]]


@dataclass(kw_only=True)
class Drawn:
    """What was drawn (`quirks`), what a brief must say of it (`expected`), and the answers held back."""

    quirks: dict[str, Any]
    expected: dict[str, Any] = field(default_factory=dict)
    numeric: set[str] = field(default_factory=set)
    answers: Table = field(default_factory=dict)
    field: str | None = None


def draw(seed: int) -> dict[str, Any]:
    """The quirks of a seed."""
    rng = random.Random(seed)
    form = rng.choice(["label", "label", "chance", "many", "chances", "value", "value", "values"])
    metrics = {
        "label": draws.BINARY_LABEL,
        "chance": draws.BINARY_CHANCE,
        "many": draws.MANY_LABEL,
        "chances": draws.MANY_CHANCES,
        "value": draws.VALUE,
        "values": draws.VALUES,
    }[form]
    metric = rng.choice([*metrics])
    kinds = [*draws.KINDS]
    if metric == "map@3":
        kinds = ["words", "numbers"]
    if form == "chances":
        kinds = ["words", "numbers", "grades"]
    encoding = rng.choice(draws.ENCODINGS)
    delimiter = rng.choice(draws.DELIMITERS)
    return {
        "seed": seed,
        "form": form,
        "metric": metric,
        "words": metrics[metric],
        "told": rng.choice(["field", "prose", "both"]),
        "labels": rng.choice([*draws.LABELS]),
        "kinds": rng.choice(kinds),
        "names": rng.choice(draws.NAMES),
        "packing": rng.choice(draws.PACKINGS),
        "encoding": encoding,
        "delimiter": delimiter,
        "decimal_comma": delimiter in ";\t" and rng.random() < 0.5,
        "thousands": rng.random() < 0.3,
        "newline": rng.choice(["\n", "\n", "\r\n"]),
        "missing": rng.choice(draws.MISSING),
        "id": rng.choice(draws.IDS),
        "column": rng.choice(draws.COLUMN_NAMES if encoding != "latin-1" else draws.COLUMN_NAMES[:8]),
        "asked_as": rng.choice(["same", "same", "case", "other"]),
        "train_only": rng.random() < 0.3,
        "shuffled": rng.random() < 0.4,
        "sample": rng.choice(["here", "here", "here", "absent"]),
        "side": rng.choice(draws.SIDES),
        "parts": rng.random() < 0.2,
        "split": rng.choice(draws.SPLITS),
        "blank_lines": rng.random() < 0.2,
    }


def signal_of(rng: np.random.Generator, count: int) -> Table:
    """Features as text of which three tell the target, and `signal` itself."""
    x, town = rng.normal(size=count), rng.integers(0, 6, size=count)
    z = rng.integers(1_000, 9_000, size=count)
    signal = x + 0.9 * (town - 2.5) + (z - 5_000) / 2_000 + rng.normal(scale=0.2, size=count)
    return {
        "x": [f"{value:.3f}" for value in x],
        "town": [f"town {value}" for value in town],
        "big": [str(value) for value in z],
        "signal": [repr(float(value)) for value in signal],
        "note": [f"said {'well' if value > 0 else 'ill, alas'} of no. {n}" for n, value in enumerate(signal)],
        "flag": [str(bool(value > 0)) for value in rng.normal(size=count)],
        "when": [f"2020-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(count)],
    }


def written(table: Table, quirks: dict[str, Any], *, sample: bool = False) -> bytes:
    """A table as its file holds it; a sample is plain."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="," if sample else quirks["delimiter"], lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(row)
    text = out.getvalue()
    if sample:
        return text.encode()
    if quirks["blank_lines"]:
        text += "\n"
    return text.replace("\n", quirks["newline"]).encode(quirks["encoding"])


def typed(content: bytes) -> pl.DataFrame:
    """A table as one who keeps records would: numbers as such, but for those that are padded."""
    words = pl.read_csv(content, infer_schema=False)
    padded = {column.name: pl.String for column in words if column.str.contains(r"^0\d").any()}
    return pl.read_csv(content, infer_schema_length=None, schema_overrides=padded)


def put(folder: Path, files: dict[str, bytes], packing: str) -> None:
    """Files on disk, packed as drawn; the sample stays a plain file unless all are bundled."""
    if packing in {"bundle", "nested"}:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / "everything.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                if packing == "nested" and "sub" not in name.lower():
                    inner = io.BytesIO()
                    with zipfile.ZipFile(inner, "w") as nested:
                        nested.writestr(name.rpartition("/")[2], content)
                    archive.writestr(f"{name}.zip", inner.getvalue())
                else:
                    archive.writestr(name, content)
        return
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if packing == "gz":
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
        elif packing == "zip":
            with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w") as archive:
                archive.writestr(path.name, content)
        elif packing == "parquet":
            typed(content).write_parquet(path.with_suffix(".parquet"))
        elif packing == "lines":
            typed(content).write_ndjson(path.with_suffix(".jsonl"))
        elif packing == "tsv":
            path.with_suffix(".tsv").write_bytes(content)
        else:
            path.write_bytes(content)
