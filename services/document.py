"""Write the table of all settings into ``docs/operations.md``: ``python -m services.document``.

What there is, who reads it, its default and its least value come from the code that reads it; what it means
is in `services.settings_words`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.environment import SECRET, Environment
from services.settings_words import BESIDE, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
BEGIN: Final = "<!-- settings: written by `python -m services.document` -->\n"
END: Final = "<!-- end of settings -->\n"

# By name: no service imports another, and this only hears what each asks for.
_READERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "gateway": ("services.gateway.settings:read", {}),
    "scheduler": ("services.scheduler.settings:read", {}),
    "executor": ("services.executor.settings:read", {}),
    "executor on Kubernetes": ("services.executor.kubernetes.settings:read_kubernetes", {"executor": "x"}),
    "projector": ("services.projector.settings:read", {}),
    "webhooks": ("services.webhooks.settings:read", {}),
}
_ENOUGH: Final = {"NATS_URL": "nats://127.0.0.1:4222", "DATABASE_URL": "postgresql://127.0.0.1/podium"}
"""With these every service starts."""

_SEVERAL: Final = 4
"""What so many services read is read by all that could."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A variable, as its reader asks for it; `default` is None where it has none."""

    name: str
    default: str | None
    least: float | None = None


class _Heard(Environment):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(_ENOUGH)
        self.asked: dict[str, Setting] = {}

    def text(self, name: str, default: str | None = None) -> str:
        self._hear(name, default or "required")
        return super().text(name, default)

    def optional(self, name: str) -> str | None:
        self._hear(name, None)
        return super().optional(name)

    def path(self, name: str) -> Path | None:
        self._hear(name, None)
        return super().path(name)

    def integer(self, name: str, default: int, *, at_least: int = 0) -> int:
        self._hear(name, str(default), at_least)
        return super().integer(name, default, at_least=at_least)

    def number(self, name: str, default: float, *, at_least: float = 0) -> float:
        self._hear(name, f"{default:g}", at_least)
        return super().number(name, default, at_least=at_least)

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        self._hear(name, ",".join(f"{value:g}" for value in default))
        return super().numbers(name, default)

    def _hear(self, name: str, default: str | None, least: float | None = None) -> None:
        self.asked.setdefault(name, Setting(name=name, default=default, least=least or None))


def settings() -> dict[str, dict[str, Setting]]:
    """What each reader asks for, by its name."""
    found = {}
    for reader, (where, more) in _READERS.items():
        module, _, function = where.partition(":")
        read: Callable[..., object] = getattr(import_module(module), function)
        heard = _Heard()
        read(heard, **more)
        found[reader] = heard.asked
    return found


def table() -> str:
    """The table, in Markdown, by name."""
    readers: dict[str, list[str]] = {}
    asked: dict[str, Setting] = {}
    for reader, of_reader in settings().items():
        for name, setting in of_reader.items():
            readers.setdefault(name, []).append(reader)
            known = asked.setdefault(name, setting)
            asked[name] = setting if known.default == "required" else known
    rows = {name: _row(asked[name], _who(readers[name]), WORDS[name]) for name in asked}
    rows |= {
        name: f"| `{name}` | {who} | {default} | {words} |" for name, (who, default, words) in BESIDE.items()
    }
    lines = [rows[name] for name in sorted(rows)]
    return "\n".join(["| setting | read by | default | what |", "| --- | --- | --- | --- |", *lines]) + "\n"


def page(text: str) -> str:
    """The page with the table of now.

    Raises:
        ValueError: it has no place for one.
    """
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError("the page has no place for the table of settings")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _who(readers: list[str]) -> str:
    return "every service" if len(readers) >= _SEVERAL else ", ".join(readers)


def _row(setting: Setting, who: str, words: str) -> str:
    default = "-" if setting.default is None else _default(setting.default)
    least = f" At least {setting.least:g}." if setting.least else ""
    name = f"`{setting.name}`" + (f", `{setting.name}_FILE`" if setting.name in SECRET else "")
    return f"| {name} | {who} | {default} | {words}{least} |"


def _default(value: str) -> str:
    return value if value == "required" else f"`{value}`"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
