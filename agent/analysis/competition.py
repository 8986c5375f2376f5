"""Stage 1: reads a competition's files and states what is asked, as a `Brief`.

The decisions are pure functions of other modules (`target_choice`, `metric_rank`, `columns`, `validation`);
this one reads the tables once and puts the answers together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.analysis.columns import missing_marks
from agent.analysis.doubts import in_words
from agent.analysis.files import CompetitionFiles, find_files
from agent.analysis.loading import load_tables
from agent.analysis.looks import looked_into
from agent.analysis.reading import Evidence, doubts_about, read_as
from agent.analysis.target_choice import askings
from agent.brief import Brief
from agent.errors import RolesError
from agent.joins import places_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.analysis.loading import Tables


def analyse(
    data_dir: Path,
    competition: str,
    *,
    evaluation_metric: str | None = None,
    progress: Callable[[float, str], None],
    check_s: float = 2.0,
) -> Brief:
    """What the competition in `data_dir` asks; `evaluation_metric` is Kaggle's field, where it is known.

    `check_s` is what the checks for leakage and drift may take.  `progress` is told the fraction done, in
    0..1, and what was found.  Raises CompetitionError, never retryable, where the files do not make a
    competition.
    """
    files = find_files(data_dir)
    found = f"Found {files.train.path}, {files.test.path} and {files.sample.path or 'no sample submission'}."
    progress(0.2, found)
    tables = load_tables(data_dir, files)
    progress(0.5, f"Read {files.train.rows} train and {files.test.rows} test rows.")
    brief = state(files, tables, competition, evaluation_metric=evaluation_metric)
    progress(0.8, f"{brief.task}, scored by {brief.metric.name}: looking for leaks and drift.")
    brief = looked_into(brief, tables, seconds=check_s)
    progress(1.0, f"{brief.task}, scored by {brief.metric.name}, {len(brief.features)} features.")
    return brief


def state(
    files: CompetitionFiles, tables: Tables, competition: str, *, evaluation_metric: str | None = None
) -> Brief:
    """The brief that follows from what was read.  Raises RolesError."""
    description = files.description or ""
    entry, by_row = tables.entry, tables.ids_text is None or _is_by_row(tables, files)
    id_column, asked = entry.id_column, entry.asked
    _check_ids(tables, files)
    meant = askings(
        tables.sample_text.select(asked),
        tables.train_text,
        train=[name for name in tables.train.columns if name != id_column],
        test=tables.test.columns,
        description=description,
    )
    evidence = Evidence(
        tables=tables,
        asked=asked,
        id_column=id_column if len(tables.keys) == 1 else None,
        description=description,
        evaluation_metric=evaluation_metric,
    )
    readings = [read_as(asking, evidence) for asking in meant]
    first, doubts = readings[0], doubts_about(meant, readings)
    return Brief(
        competition=competition,
        title=_title(description) or competition,
        train=files.train,
        test=files.test,
        sample=tables.sample,
        id_column=id_column,
        id_in_test=not by_row,
        more_ids=entry.more_ids,
        **first.fields(),
        notes=(*first.notes, *_notes(tables, files), *map(in_words, doubts)),
        doubts=doubts,
        test_id_column=tables.test_id_column,
        test_names=tables.test_names,
        sides=tables.sides,
        missing_marks=missing_marks(tables.train, first.features),
    )


def _is_by_row(tables: Tables, files: CompetitionFiles) -> bool:
    """Whether a submission is test's rows in their order, whatever is written beside them."""
    if tables.ids_text is None:
        return tables.sample_text.height == files.test.rows
    wanted = tables.sample_text.select(tables.ids_text.columns)
    return wanted.is_duplicated().any() and wanted.equals(tables.ids_text)


def _check_ids(tables: Tables, files: CompetitionFiles) -> None:
    """Raises RolesError where the sample's rows are not test's rows, by their ids or by their order."""
    sample, ids = tables.sample_text, tables.ids_text
    names = tables.keys
    if _is_by_row(tables, files) and ids is not None:
        return
    called = ", ".join(map(repr, names))
    if sample.select(names).is_duplicated().any():
        raise RolesError("ids_mismatch", f"The sample submission repeats ids in {called}.")
    if ids is None and sample.height != files.test.rows:
        raise RolesError(
            "ids_mismatch",
            f"Test has no {called}, and its {files.test.rows} rows are not the {sample.height} wanted.",
        )
    if ids is not None and places_of(sample, ids) is None:
        strange = sample.select(names).join(ids, on=names, how="anti", nulls_equal=True).height
        if strange:
            raise RolesError("ids_mismatch", f"{strange} ids of the sample submission are not in test.")


def _notes(tables: Tables, files: CompetitionFiles) -> list[str]:
    notes = list(tables.notes)
    wanted = tables.sample_text.height
    if wanted != files.test.rows:
        notes.append(f"Test has {files.test.rows} rows, the submission wants {wanted} of them.")
    if tables.sampled:
        notes.append(f"Of {files.train.rows} rows of train {tables.train.height} were looked at.")
    if not files.sample.path:
        columns = ", ".join(tables.sample.columns)
        notes.append(f"There is no sample submission: it is taken to have the columns {columns}.")
    return notes


def _title(description: str) -> str | None:
    heading = re.search(r"^#\s+(.+)$", description, re.MULTILINE)
    return heading.group(1).strip() if heading else None
