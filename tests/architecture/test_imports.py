"""Imports point one way: cli -> podium -> services -> events; the agent knows only the words it speaks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("agent", "cli", "events", "podium", "services")
SERVICES = ("gateway", "scheduler", "executor", "projector", "webhooks")

PURE = (
    "events/catalogue.py",
    "events/job.py",
    "events/live.py",
    "events/places.py",
    "events/progress.py",
    "events/recorded.py",
    "events/stored.py",
    "events/subjects.py",
    "events/upcasting.py",
    "services/api_keys.py",
    "services/deliveries.py",
    "services/presence.py",
    "services/executor/slots.py",
    "services/executor/spread.py",
    "services/gateway/caller.py",
    "services/gateway/webhook_url.py",
    "services/scheduler/rules.py",
    "services/executor/outcome.py",
    "services/projector/position.py",
    "services/projector/rows.py",
    "services/spans.py",
    "services/webhooks/addresses.py",
    "services/webhooks/payload.py",
    "services/webhooks/rules.py",
    "agent/brief.py",
    "cli/capacity/figures.py",
    "cli/capacity/plan.py",
    "cli/capacity/recorded.py",
    "cli/capacity/words.py",
)
"""Modules that decide or describe: no clock, no chance, no I/O."""

IMPURE_MODULES = {
    "aiodocker", "asyncio", "asyncpg", "httpx", "io", "litestar", "nats", "os", "pathlib", "random",
    "redis", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "open", "print", "input"}


def sources(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, package
    return found


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports at any depth; for ``from a import b`` both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in OURS}


@pytest.mark.parametrize("path", sources("events"), ids=str)
def test_events_import_nothing_of_ours_but_events(path: Path) -> None:
    assert {name for name in ours(path) if not name.startswith("events")} == set()


@pytest.mark.parametrize("path", sources("agent"), ids=str)
def test_the_agent_imports_only_the_progress_messages(path: Path) -> None:
    foreign = {name for name in ours(path) if name.split(".")[0] != "agent"}
    assert {name for name in foreign if name != "events" and not name.startswith("events.progress")} == set()


@pytest.mark.parametrize("path", sources("services"), ids=str)
def test_a_service_imports_neither_another_nor_the_agent_nor_the_command_line(path: Path) -> None:
    own = path.relative_to(ROOT / "services").parts[0]
    others = [f"services.{name}" for name in SERVICES if name != own]
    wrong = {
        name
        for name in ours(path)
        if name.split(".")[0] in {"agent", "cli", "podium"} or any(name.startswith(other) for other in others)
    }
    assert wrong == set()


@pytest.mark.parametrize("path", [*sources("cli"), *sources("podium")], ids=str)
def test_clients_know_of_the_services_only_what_the_gateway_answers(path: Path) -> None:
    inner = {name for name in ours(path) if name.startswith(tuple(f"services.{one}" for one in SERVICES))}
    assert {name for name in inner if not name.startswith("services.gateway.view")} == set()


@pytest.mark.parametrize("path", sources("podium"), ids=str)
def test_the_client_needs_neither_the_command_line_nor_the_agent(path: Path) -> None:
    assert {name for name in ours(path) if name.split(".")[0] in {"agent", "cli"}} == set()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_have_no_clock_no_chance_and_no_io(name: str) -> None:
    path = ROOT / name
    assert {module for module in imports(path) if module.split(".")[0] in IMPURE_MODULES} == set()
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name))
    }
    assert calls & IMPURE_CALLS == set()


@pytest.mark.parametrize("path", [path for package in OURS for path in sources(package)], ids=str)
def test_every_module_opens_with_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", "`", ":", '"')), docstring.splitlines()[0]


def test_only_settings_and_main_read_the_environment() -> None:
    allowed = {"settings.py", "__main__.py"}
    readers = {
        path.relative_to(ROOT)
        for path in sources("services")
        if path.name not in allowed and {"os.environ", "os.getenv"} & attributes(path)
    }
    assert readers == set()


def attributes(path: Path) -> set[str]:
    return {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
