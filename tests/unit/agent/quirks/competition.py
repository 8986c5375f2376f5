"""Puts a drawn competition together: target, ids, odd cells, side tables, splits and files."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.unit.agent.quirks import draws
from tests.unit.agent.quirks.making import TEST_ROWS, TRAIN_ROWS, Drawn, Table, draw, put, signal_of, written

if TYPE_CHECKING:
    from pathlib import Path

VALUE_FORMS = ("value", "values")


def make(folder: Path, seed: int, **forced: Any) -> Drawn:
    """Write the competition of a seed into `folder`; `forced` quirks are not drawn."""
    quirks = possible(draw(seed) | forced)
    drawn = Drawn(quirks=quirks)
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    count = TRAIN_ROWS + TEST_ROWS
    cells = signal_of(rng, count)
    _group_or_time(cells, quirks, drawn, rng, count)
    targets = _targets(cells, quirks, drawn)
    files: dict[str, Table] = {}
    _sides(cells, quirks, drawn, files, rng)
    del cells["signal"]
    cells = _odd(cells, quirks, drawn)
    ids = _ids(quirks, count)
    id_name = {"date": "moment", "text": "Customer ID", "absent": "RowId"}.get(quirks["id"], "id")
    train = {name: column[:TRAIN_ROWS] for name, column in cells.items()}
    test = {name: column[TRAIN_ROWS:] for name, column in cells.items()}
    train_ids, test_ids = ids[:TRAIN_ROWS], ids[TRAIN_ROWS:]
    if quirks["id"] == "absent" and quirks["sample"] == "absent":
        id_name = "id"
    more = pair_of(quirks, count)
    if quirks["id"] == "absent":
        test_ids = [str(row + 1) for row in range(TEST_ROWS)]
    else:
        test = {("ID" if quirks["id"] == "renamed" else id_name): test_ids} | test
        train = {id_name: train_ids} | train
        train |= {name: column[:TRAIN_ROWS] for name, column in more.items()}
        test |= {name: column[TRAIN_ROWS:] for name, column in more.items()}
    known = {name: column[:TRAIN_ROWS] for name, column in targets.items()}
    if quirks["train_only"]:
        train["outcome_day"] = [str(n % 9) for n in range(TRAIN_ROWS)]
    if quirks["side"] == "labels":
        files["train_labels.csv"] = {id_name: train_ids[::-1]} | {k: v[::-1] for k, v in known.items()}
    else:
        train |= known
    _write(folder, drawn, files, train, test)
    named = {id_name: test_ids} | {name: column[TRAIN_ROWS:] for name, column in more.items()}
    _sample(folder, drawn, named, {k: v[TRAIN_ROWS:] for k, v in targets.items()})
    _expect(quirks, drawn, id_name, [*targets])
    prose = "" if quirks["told"] == "field" else quirks["words"][1]
    asked = " and ".join(targets)
    chance = f"Give the probability of {positive!r}." if (positive := drawn.expected.get("positive")) else ""
    (folder / "description.md").write_text(
        f"# A game\n\nPredict {asked} of every row. {chance}\n\n## Evaluation\n\n{prose}\n"
    )
    drawn.field = None if quirks["told"] == "prose" else quirks["words"][0]
    return drawn


def possible(quirks: dict[str, Any]) -> dict[str, Any]:
    """The quirks without what nobody could tell from the files."""
    changed = dict(quirks)
    if quirks["form"] in {"chances", "values"} or quirks["side"] == "labels":
        changed["sample"] = "here"
    if quirks["side"] in {"labels", "pair"} and "known" in quirks["names"][0]:
        changed["names"] = draws.NAMES[0]
    if quirks["side"] in {"labels", "pair"} and quirks["id"] == "absent":
        changed["id"] = "number"
    if quirks["id"] == "pair" and (changed["side"] in {"labels", "pair"} or changed["sample"] == "absent"):
        changed["id"] = "number"
    if quirks["packing"] in {"parquet", "lines"}:
        changed |= {"decimal_comma": False, "delimiter": ",", "encoding": "utf-8", "blank_lines": False}
    if quirks["id"] == "renamed" and (quirks["side"] == "pair" or changed["sample"] == "absent"):
        changed["id"] = "number"
    return changed


def _targets(cells: Table, quirks: dict[str, Any], drawn: Drawn) -> Table:
    """The target columns of all rows."""
    signal = np.array([float(value) for value in cells["signal"]])
    if quirks["form"] in VALUE_FORMS:
        values = [f"{value:.3f}" for value in np.exp(signal / 3) * 10]
        if quirks["decimal_comma"]:
            values = [value.replace(".", ",") for value in values]
        return {"price": values} | ({"cost": values[::-1]} if quirks["form"] == "values" else {})
    if quirks["form"] in {"label", "chance"}:
        labels, positive = draws.LABELS[quirks["labels"]]
        drawn.expected["positive"] = positive
        return {"bought": [labels[int(value > 0)] for value in signal]}
    kinds = draws.KINDS[quirks["kinds"]]
    places = np.searchsorted(np.quantile(signal, [0.25, 0.5, 0.75]), signal)
    drawn.expected["classes"] = set(kinds)
    return {"kind": [kinds[place] for place in places]}


def _group_or_time(
    cells: Table, quirks: dict[str, Any], drawn: Drawn, rng: np.random.Generator, count: int
) -> None:
    if quirks["split"] == "group":
        cells["household"] = [
            f"h{n // 6}" if n < TRAIN_ROWS else f"t{(n - TRAIN_ROWS) // 6}" for n in range(count)
        ]
        order = rng.permutation(TRAIN_ROWS)
        cells["household"] = [cells["household"][n] for n in order] + cells["household"][TRAIN_ROWS:]
        drawn.expected["scheme"] = "group"
    if quirks["split"] == "time":
        day = np.array("2021-01-01", dtype="datetime64[D]") + np.arange(count)
        cells["when"] = [str(value) for value in day]
        drawn.expected["scheme"] = "time"
    if quirks["id"] == "date":
        drawn.expected["scheme"] = "time"


def _odd(cells: Table, quirks: dict[str, Any], drawn: Drawn) -> Table:
    """Numbers with gaps, thousands marks and decimal commas; a column with a name of its own."""
    drawn.numeric = {"x", "big"}
    missing = quirks["missing"]
    gaps = [missing if n % 11 == 3 else value for n, value in enumerate(cells["x"])]
    big = cells["big"]
    if quirks["thousands"]:
        mark = "." if quirks["decimal_comma"] else ","
        big = [f"{int(value):,}".replace(",", mark) for value in big]
    if quirks["decimal_comma"]:
        gaps = [value.replace(".", ",") for value in gaps]
    odd = {quirks["column"]: [str(n * 7 % 31) for n in range(len(big))]}
    constant = {"same": ["1"] * len(big)}
    return cells | {"x": gaps, "big": big} | odd | constant


def _ids(quirks: dict[str, Any], count: int) -> list[str]:
    match quirks["id"]:
        case "text":
            return [
                f"{n * 7919 % 10007:05}-XÄ"[: 6 if quirks["encoding"] == "utf-8" else 8] for n in range(count)
            ]
        case "date":
            return [
                str(np.datetime64("2022-01-01T00", "h") + n).replace("T", " ") + ":00:00"
                for n in range(count)
            ]
        case "padded":
            return [f"{n:06}" for n in range(count)]
        case "pair":
            return [f"b{n * 7919 % count % 16}" for n in range(count)]
        case _:
            return [str(1000 + n) for n in range(count)]


def pair_of(quirks: dict[str, Any], count: int) -> Table:
    """The column that names a row together with its id, where the id alone does not."""
    if quirks["id"] != "pair":
        return {}
    return {"number": [str(n * 7919 % count // 16) for n in range(count)]}


def _sides(
    cells: Table, quirks: dict[str, Any], drawn: Drawn, files: dict[str, Table], rng: np.random.Generator
) -> None:
    """Move the town into a table of its own, by a key."""
    side = quirks["side"]
    if side in {"one", "alias", "chain", "many"}:
        shop = [int(town[-1]) * 5 + n % 5 for n, town in enumerate(cells["town"])]
        cells["shop_id"] = [f"S{value:03}" for value in shop]
        del cells["town"]
        keys = [f"S{value:03}" for value in range(30)]
        name = "id" if side == "alias" else "shop_id"
        towns = [f"town {value // 5}" for value in range(30)]
        if side == "many":
            visits = [(key, (place // 5) * 10 + n) for place, key in enumerate(keys) for n in range(3)]
            rng.shuffle(visits)
            files["visits.csv"] = {
                "shop_id": [str(key) for key, _ in visits],
                "spent": [str(value) for _, value in visits],
            }
            drawn.expected["joined"] = "visits spent mean"
        elif side == "chain":
            files["shops.csv"] = {name: keys, "region": [f"r{value // 2}" for value in range(30)]}
            files["regions.csv"] = {
                "region": [f"r{value}" for value in range(15)],
                "town": [f"town {value * 2 // 5}" for value in range(15)],
            }
            drawn.expected["joined"] = "town"
        else:
            files["shops.csv"] = {name: keys[::-1], "town": towns[::-1]}
            drawn.expected["joined"] = "town"
    if side == "pair":
        drawn.expected["joined"] = "town"


def _write(folder: Path, drawn: Drawn, files: dict[str, Table], train: Table, test: Table) -> None:
    quirks = drawn.quirks
    train_name, test_name, _ = quirks["names"]
    if quirks["side"] == "pair":
        key = next(iter(test))
        for name, table in (("train_places.csv", train), ("test_places.csv", test)):
            order = list(range(len(table[key])))
            random.Random(1).shuffle(order)
            files[name] = {column: [table[column][n] for n in order] for column in (key, "town")}
            del table["town"]
    tables = {train_name: train, test_name: test} | files
    if quirks["side"] == "labels":
        tables[train_name.replace("train", "train_features")] = tables.pop(train_name)
    if quirks["parts"] and quirks["side"] != "labels" and role_by_name(quirks):
        stem, dot, suffix = train_name.rpartition(".")
        del tables[train_name]
        cut = [0, 100, 170, TRAIN_ROWS]
        for part, (start, end) in enumerate(itertools.pairwise(cut), start=1):
            tables[f"{stem}_{part}{dot}{suffix}"] = {k: v[start:end] for k, v in train.items()}
    put(folder, {name: written(table, quirks) for name, table in tables.items()}, quirks["packing"])


def role_by_name(quirks: dict[str, Any]) -> bool:
    """Whether the files' names say what they are."""
    return "known" not in quirks["names"][0]


def _sample(folder: Path, drawn: Drawn, ids: Table, answers: Table) -> None:
    quirks = drawn.quirks
    order = list(range(TEST_ROWS))
    if quirks["shuffled"] and quirks["id"] != "absent" and quirks["sample"] == "here":
        random.Random(quirks["seed"]).shuffle(order)
    asked = {name: _asked(name, quirks) for name in answers}
    drawn.answers = {name: [column[n] for n in order] for name, column in answers.items()}
    if quirks["sample"] == "absent":
        return
    table = {name: [column[n] for n in order] for name, column in ids.items()}
    if quirks["form"] == "chances":
        kinds = draws.KINDS[quirks["kinds"]]
        table |= {f"p_{kind}": ["0.25"] * TEST_ROWS for kind in kinds[::-1]}
    for name in answers if quirks["form"] != "chances" else ():
        table[asked[name]] = [_constant(quirks)] * TEST_ROWS
    put(folder, {quirks["names"][2]: written(table, quirks, sample=True)}, "plain")


def _asked(name: str, quirks: dict[str, Any]) -> str:
    if quirks["form"] == "chances" or quirks["sample"] == "absent":
        return name
    return {"same": name, "case": name.title(), "other": f"{name}_prediction"}[quirks["asked_as"]]


def _constant(quirks: dict[str, Any]) -> str:
    match quirks["form"]:
        case "chance":
            return "0.5"
        case "label":
            return draws.LABELS[quirks["labels"]][0][0].removesuffix(".0")
        case "many" if quirks["metric"] == "map@3":
            return " ".join(draws.KINDS[quirks["kinds"]][:3])
        case "many":
            return draws.KINDS[quirks["kinds"]][0]
        case _:
            return "0"


def _expect(quirks: dict[str, Any], drawn: Drawn, id_name: str, targets: list[str]) -> None:
    answer = {"chance": "probability", "chances": "class_probabilities", "value": "value", "values": "value"}
    drawn.expected |= {
        "metric": quirks["metric"],
        "answer": answer.get(quirks["form"], "label"),
        "id_column": id_name,
        "more_ids": ("number",) if quirks["id"] == "pair" else (),
        "id_in_test": quirks["id"] != "absent",
        "targets": targets,
        "asked": [_asked(name, quirks) for name in targets],
        "rows": (TRAIN_ROWS, TEST_ROWS),
    }
    if quirks["train_only"]:
        drawn.expected["dropped"] = "outcome_day"
