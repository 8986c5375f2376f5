"""Reading the competition's files, every cell as text, and giving each column its type."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.config import Config, Table


def read(folder: Path, table: Table) -> pl.DataFrame:
    """A table with every cell as the text that the file holds; empty cells are null, blank lines left out."""
    if table.encoding.startswith("utf-8") and not table.path.endswith((".gz", ".zip")):
        return cells_of(folder / table.path, table)
    raw = (folder / table.path).read_bytes()
    if table.path.endswith(".gz"):
        raw = gzip.decompress(raw)
    if table.path.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            raw = archive.read(archive.namelist()[0])
    encoding = "utf-8-sig" if table.encoding == "utf-8" else table.encoding
    return cells_of(raw.decode(encoding).encode(), table)


def cells_of(source: Path | bytes, table: Table) -> pl.DataFrame:
    """The cells of a file in UTF-8."""
    frame = pl.read_csv(source, separator=table.delimiter, infer_schema=False)
    frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()).name.keep())
    return frame.filter(~pl.all_horizontal(pl.all().is_null())) if frame.width > 1 else frame


def stripped(frame: pl.DataFrame) -> pl.DataFrame:
    """The table without blanks around its cells; what was all blank is null."""
    cells = pl.all().str.strip_chars()
    return frame.select(pl.when(cells != "").then(cells).name.keep())


def to_numbers(cells: pl.Series, decimal_comma: bool) -> NDArray[np.float64]:
    """Text to numbers, shape (n,); what is no number is NaN."""
    if decimal_comma:
        cells = cells.str.replace(",", ".", literal=True)
    values = cells.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def spelled_alike(labels: pl.Series, config: Config) -> pl.Series:
    """Labels with `1.0` and `1` made the same, and `true` and `1` where the classes are a yes and a no."""
    bare = labels.str.strip_chars().str.replace(r"^([-+]?\d+)\.0*$", "$1")
    if {label.lower() for label in config.classes} in ({"0", "1"}, {"true", "false"}):
        return bare.str.to_lowercase().replace({"true": "1", "false": "0"})
    return bare


def class_codes(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """Labels as positions in the list of classes, shape (n,); NaN where there is no known label."""
    names = spelled_alike(pl.Series(config.classes), config)
    order = {label: float(code) for code, label in enumerate(names)}
    codes = spelled_alike(cells, config).replace_strict(order, default=None, return_dtype=pl.Float64)
    return codes.to_numpy().astype(np.float64)


def submission_order(sample: pl.DataFrame, test: pl.DataFrame, config: Config) -> NDArray[np.int64]:
    """For each row of the sample submission, the row of test that it asks about."""
    if config.ids_in_test and test[config.id_column].n_unique() == test.height:
        rows = dict(zip(test[config.id_column], range(test.height), strict=True))
        wanted = [rows.get(name) for name in sample[config.id_column].str.strip_chars()]
        found = [row for row in wanted if row is not None]
        if len(found) == sample.height:
            return np.array(found, dtype=np.int64)
    if sample.height != test.height:
        message = f"the sample submission has {sample.height} rows and test {test.height}, with different ids"
        raise SystemExit(message)
    return np.arange(test.height, dtype=np.int64)
