"""Reads the ways in which competition tables write dates and times."""

from __future__ import annotations

from typing import Final

import polars as pl

FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%m/%d/%y %H:%M",
    "%m/%d/%y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
)
"""Tried in this order; the first that reads every cell is taken, so that 13/1/2020 is no US date."""

MONTH_FORMATS: Final = ("%b-%Y", "%B %Y", "%Y-%m")
"""Months without a day: read as their first day."""

_ZONED: Final = r"(\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?)(?:Z|[+-]\d{2}:?\d{2}| ?UTC)$"
_TRIAL_ROWS: Final = 200


def date_format(words: pl.Series) -> str | None:
    """The one format that reads every cell of a String series, or None where there is none.

    Blank cells do not count; a zone at the end of a cell is passed over, as tables keep to one zone.
    """
    cells = words.drop_nulls()
    trial = cells.head(_TRIAL_ROWS)
    if trial.is_empty() or not trial.str.contains(r"\d").all():
        return None
    for written in (*FORMATS, *MONTH_FORMATS):
        if all(parse_dates(part, written).null_count() == 0 for part in (trial, cells)):
            return written
    return None


def parse_dates(words: pl.Series, written: str) -> pl.Series:
    """A String series as Datetime (microseconds, no zone), null where a cell does not fit `written`."""
    cells = words.str.strip_chars()
    if written in MONTH_FORMATS:
        cells, written = "1 " + cells, "%d " + written
    if "%H" not in written:
        return cells.str.to_date(written, strict=False).cast(pl.Datetime("us"))
    bare = cells.str.replace(_ZONED, "$1")
    return bare.str.to_datetime(written, strict=False, time_unit="us")
