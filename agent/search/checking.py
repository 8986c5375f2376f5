"""Looks a script over before it is run: what would fail or be refused anyway is said at once.

A courtesy that makes repairs quick, and no protection: what a script may do is decided where it runs.  Pure,
but for asking which libraries there are.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE_BYTES_MAX: Final = 64 * 1024

_LIBRARIES: Final = ("numpy", "scipy", "polars", "sklearn", "joblib", "lightgbm", "xgboost", "catboost")
_REFUSED: Final = frozenset(
    {
        *(
            "socket",
            "ssl",
            "http",
            "urllib",
            "ftplib",
            "smtplib",
            "poplib",
            "imaplib",
            "xmlrpc",
            "socketserver",
        ),
        *("subprocess", "multiprocessing", "pty", "ctypes", "asyncio", "webbrowser", "importlib", "runpy"),
        *("signal", "resource", "mmap", "fcntl", "pip", "ensurepip", "venv"),
    }
)
_CALLS: Final = frozenset({"eval", "exec", "compile", "__import__"})
_OS_CALLS: Final = re.compile(r"system|popen|fork.*|exec.*|spawn.*|posix_spawn.*|kill.*|symlink|link|mkfifo")
_ABSOLUTE: Final = re.compile(r"/[A-Za-z_][\w.]*(/.*)?|[A-Za-z]:\\.*|~/.*")
_OPTIONS: Final = ("--data", "--output", "--seconds")


@cache
def libraries() -> tuple[str, ...]:
    """The libraries beyond the standard one that a script may import here."""
    return tuple(name for name in _LIBRARIES if find_spec(name) is not None)


def faults_of(code: str) -> tuple[str, ...]:
    """What is wrong with a script, a sentence each; empty where it is worth running."""
    if len(code.encode()) > CODE_BYTES_MAX:
        return (f"The script is longer than {CODE_BYTES_MAX} bytes.",)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return (f"The script is not Python: {error.args[0] if error.args else error}{where}.",)
    return tuple(dict.fromkeys((*_imports(tree), *_calls(tree), *_words(tree))))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=module):
                names = [module or "."]
            case _:
                continue
        for name in names:
            root = name.partition(".")[0]
            if root in _REFUSED or not (root in sys.stdlib_module_names or root in libraries()):
                yield f"Line {node.lineno}: {name} cannot be imported; there are {', '.join(libraries())}."


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
                yield f"Line {node.lineno}: {name}() is not allowed."
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if _OS_CALLS.fullmatch(name):
                yield f"Line {node.lineno}: os.{name} is not allowed."
            case _:
                pass


def _words(tree: ast.Module) -> Iterator[str]:
    words = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for node in words:
        if _ABSOLUTE.fullmatch(str(node.value)) and "\n" not in str(node.value):
            yield f"Line {node.lineno}: {str(node.value)[:60]!r} looks like an absolute path."
    said = {str(node.value) for node in words}
    for option in _OPTIONS:
        if option not in said:
            yield f"The script does not take the option {option}."
