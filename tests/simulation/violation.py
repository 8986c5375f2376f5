"""How a broken invariant is told."""

from __future__ import annotations


class Violation(AssertionError):  # noqa: N818 - what is violated has a name, and it is no error of the program
    """An invariant does not hold; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


def check(name: str, holds: bool, message: str) -> None:
    """Raise a `Violation` unless it holds."""
    if not holds:
        raise Violation(name, message)
