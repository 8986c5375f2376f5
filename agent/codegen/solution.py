"""Writes solution.py: the functions that a plan names, and all that they use, in one file.

The functions live in `agent.codegen.templates`, where they are checked and tested like any code.  Here
they are copied as they are written, in reading order, without those that the plan has no use for.
"""

from __future__ import annotations

import ast
import pprint
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec

from agent.errors import CompetitionError

if TYPE_CHECKING:
    from agent.brief import Brief, SideTable, TableFile
    from agent.planning.plan import Plan

_CLOCK: Final = "codegen/templates/clock"
"""Its lines stand before the imports of libraries."""

_PIECES: Final = (
    (_CLOCK, ""),
    ("codegen/templates/config", "What was decided"),
    ("cells", "Reading the files"),
    ("joins", ""),
    ("codegen/templates/tables", ""),
    ("dates", ""),
    ("codegen/templates/targets", "What is learnt"),
    ("codegen/templates/features", "Features"),
    ("codegen/templates/texts", "Features from text and from the target"),
    ("codegen/templates/ratios", ""),
    ("codegen/templates/folds", "Folds"),
    ("codegen/templates/lessons", "Models"),
    ("codegen/templates/boosting", ""),
    ("codegen/templates/plain_models", ""),
    ("codegen/templates/losses", "How good a model is"),
    ("codegen/templates/decisions", "From predictions to answers"),
    ("codegen/templates/choices", "Putting it together"),
    ("codegen/templates/pace", ""),
    ("codegen/templates/blending", ""),
    ("codegen/templates/pool", ""),
    ("codegen/templates/validation", ""),
    ("codegen/templates/first_look", ""),
    ("codegen/templates/options", ""),
    ("codegen/templates/run", ""),
)
_FITTERS: Final = {
    "LightGBM": "fit_lightgbm",
    "RandomSplits": "fit_random_splits",
    "XGBoost": "fit_xgboost",
    "LargeTrees": "fit_large_trees",
    "SmallTrees": "fit_small_trees",
    "Linear": "fit_linear",
    "ExtraTrees": "fit_extra_trees",
    "Kernel": "fit_kernel",
    "Network": "fit_network",
    "Neighbours": "fit_neighbours",
}
_LINT_REMARK: Final = re.compile(r"\s+# (noqa|type: ignore).*$", re.MULTILINE)


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A top-level function, class or constant of a piece: its source, and the names that it uses."""

    piece: str
    names: tuple[str, ...]
    source: str
    uses: frozenset[str]


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """One imported name: `from module import name as bound`, or `import module as bound`."""

    module: str
    name: str | None
    bound: str


def write_solution(brief: Brief, plan: Plan) -> str:
    """The source of a solution.py that runs alone: `python solution.py [--data DIR] [--output DIR]`.

    Raises CompetitionError (solution_invalid) where the result is not Python: a fault of this module.
    """
    imports, definitions = _pieces()
    literal, choices = _config(brief, plan), _choices(plan)
    kept = _reachable(definitions, _names_in(f"{literal}\n{choices}"))
    used = frozenset().union(*(definition.uses for definition in kept)) | _names_in(choices)
    clock = "\n\n\n".join(definition.source for definition in kept if definition.piece == _CLOCK)
    parts = [_title(brief), _import_block(imports, used, clock)]
    heading = ""
    for piece, title in _PIECES:
        sources = [each.source for each in kept if each.piece == piece and piece != _CLOCK]
        if piece == "codegen/templates/config":
            sources.append(literal)
        if sources and title and title != heading:
            parts.append(f"# --- {title} " + "-" * (100 - len(title)))
            heading = title
        parts += sources
    parts.append(choices)
    text = "\n\n\n".join(parts) + "\n"
    try:
        compile(text, "solution.py", "exec")
    except SyntaxError as error:
        raise CompetitionError("solution_invalid", f"The solution is not Python: {error}.") from error
    return text


@cache
def _pieces() -> tuple[tuple[Import, ...], tuple[Definition, ...]]:
    """All pieces, parsed: what they import from elsewhere, and their definitions in reading order."""
    imports: list[Import] = []
    definitions: list[Definition] = []
    for piece, _ in _PIECES:
        text = resources.files("agent").joinpath(f"{piece}.py").read_text(encoding="utf-8")
        text = _LINT_REMARK.sub("", text)
        body = ast.parse(text).body[1:]
        lines = text.splitlines()
        for node, following in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports += _imports(node)
            elif names := defined_by(node):
                source = _source(lines, node, following)
                definitions.append(
                    Definition(piece=piece, names=names, source=source, uses=_names_in(source))
                )
    return tuple(imports), tuple(definitions)


def _imports(node: ast.Import | ast.ImportFrom) -> list[Import]:
    if isinstance(node, ast.Import):
        return [Import(module=a.name, name=None, bound=a.asname or a.name) for a in node.names]
    module = node.module or ""
    if module.startswith("agent."):
        return []
    return [Import(module=module, name=a.name, bound=a.asname or a.name) for a in node.names]


def defined_by(node: ast.stmt) -> tuple[str, ...]:
    """The names that a top-level statement defines; none where it is something else."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return (node.name,)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return (name,)
        case ast.Assign(targets=[ast.Tuple(elts=names)]):
            return tuple(name.id for name in names if isinstance(name, ast.Name))
        case _:
            return ()


def _source(lines: list[str], node: ast.stmt, following: ast.stmt | None) -> str:
    """A definition as it is written, with its decorators, and the docstring that follows a constant."""
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    end = node.end_lineno
    if not decorators and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        end = following.end_lineno
    return "\n".join(lines[start - 1 : end])


def _names_in(source: str) -> frozenset[str]:
    names = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))
    return frozenset(node.id for node in names if isinstance(node.ctx, ast.Load))


def _reachable(definitions: tuple[Definition, ...], roots: frozenset[str]) -> list[Definition]:
    """The definitions that the roots use, directly or through others, in their order."""
    wanted, seen = set(roots), set[str]()
    by_name = {name: definition for definition in definitions for name in definition.names}
    while fresh := (wanted & by_name.keys()) - seen:
        seen |= fresh
        for name in fresh:
            wanted |= by_name[name].uses
    return [definition for definition in definitions if seen & set(definition.names)]


def _import_block(imports: tuple[Import, ...], used: frozenset[str], clock: str) -> str:
    """The imports that are used, standard library first, then the start of the clock."""
    plain, named = set(), dict[str, set[str]]()
    for item in imports:
        if item.bound.split(".")[0] not in used:
            continue
        if item.name is None:
            plain.add(f"import {item.module}" + (f" as {item.bound}" if item.bound != item.module else ""))
        else:
            named.setdefault(item.module, set()).add(item.name)
    lines = sorted(plain) + [
        f"from {module} import {', '.join(sorted(named[module]))}" for module in sorted(named)
    ]
    third = ("numpy", "polars", "sklearn", "lightgbm", "xgboost", "scipy")
    ours = [line for line in lines if line.split()[1].split(".")[0] in third]
    return "\n".join([*(line for line in lines if line not in ours), "", clock, "", *ours])


def _title(brief: Brief) -> str:
    title = re.sub(r"[^\w\s.,:;!?()'&/+-]", " ", brief.title or brief.competition)
    return (
        f'"""{title.strip()} ({re.sub(r"[^a-zA-Z0-9_-]", "-", brief.competition)}).\n\n'
        f"Run it alone: python solution.py --data FOLDER_OF_THE_FILES --output FOLDER_FOR_RESULTS\n"
        f'It needs polars, numpy, scikit-learn, lightgbm and xgboost, and writes submission.csv.\n"""'
    )


def _table(table: TableFile | None) -> str:
    if table is None:
        return "None"
    dialect, paths = table.dialect, tuple(filter(None, (table.path, *table.parts)))
    return (
        f"Table(paths={paths!r}, delimiter={dialect.delimiter!r}, encoding={dialect.encoding!r}, "
        f"decimal_comma={dialect.decimal_comma!r})"
    )


def _side(side: SideTable) -> str:
    return (
        f"Side(train={_table(side.train)}, test={_table(side.test)}, keys={side.keys!r}, "
        f"columns={side.columns!r}, count={side.count or ''!r})"
    )


def _config(brief: Brief, plan: Plan) -> str:
    """The literal at the top of the solution."""
    columns = plan.columns
    fields = {
        "train": _table(brief.train),
        "test": _table(brief.test),
        "sample": _table(brief.sample),
        "sides": _tuple(tuple(_side(side) for side in brief.sides)),
        "id_column": _literal(brief.id_column),
        "more_ids": _literal(brief.more_ids),
        "ids_in_test": _literal(brief.id_in_test),
        "test_id_column": _literal(brief.test_id_column or ""),
        "test_names": _literal(brief.test_names),
        "targets": _literal({target.train_column: target.submission_column for target in brief.targets}),
        "classes": _literal(brief.classes),
        "positive": _literal(plan.objective.positive or ""),
        "numbers": _literal(columns.numbers),
        "dates": _literal(columns.dates),
        "categories": _literal(columns.categories),
        "many_valued": _literal(columns.many_valued),
        "texts": _literal(columns.texts),
        "missing_marks": _literal(brief.missing_marks),
        "learn": _literal(plan.objective.learn),
        "metric": _literal(brief.metric.name),
        "folds": _literal(plan.folds),
        "split_columns": _literal(plan.split_columns),
        "gap": _literal(brief.validation.gap or 0.0),
        "log_target": _literal(plan.objective.target == "log_target"),
        "lightgbm": _literal(plan.boosting.lightgbm),
        "xgboost": _literal(plan.boosting.xgboost),
        "rounds": _literal(plan.boosting.rounds),
        "patience": _literal(plan.boosting.patience),
        "needs": _literal(plan.needs),
        "passes": _literal(plan.passes),
        "train_rows": _literal(brief.train.rows),
        "rows_max": _literal(plan.rows_max),
        "seconds": _literal(round(plan.seconds, 1)),
        "threads": _literal(plan.threads),
        "seed": _literal(plan.seed),
    }
    lines = "".join(f"    {name}={value},\n" for name, value in fields.items())
    return f"CONFIG = Config(\n{lines})"


def _literal(value: object) -> str:
    """A value as Python writes it, over several lines where it is long."""
    text = pprint.pformat(value, width=96, compact=True, sort_dicts=False)
    return text if "\n" not in text else text.replace("\n", "\n    ")


def _choices(plan: Plan) -> str:
    """The last lines of the solution: which functions it is made of."""
    members = ", ".join(f"{name!r}: {_FITTERS[name]}" for name in plan.members)
    objective = plan.objective
    fields = {
        "target": objective.target,
        "steps": _tuple(plan.steps),
        "encoders": _tuple(plan.encoders),
        "options": _tuple(plan.options),
        "split": plan.split,
        "learn_from": plan.learn_from,
        "for_test": plan.for_test,
        "loss": objective.loss,
        "decide": objective.decide,
        "members": f"{{{members}}}",
    }
    lines = "".join(f"    {name}={value},\n" for name, value in fields.items())
    return f'CHOICES = Choices(\n{lines})\n\nif __name__ == "__main__":\n    main(CONFIG, CHOICES)'


def _tuple(names: tuple[str, ...]) -> str:
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"
