"""Every way to ask wrongly gets a clean problem, and stores nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from services.gateway.job_id import new_job_id
from tests.integration.gateway_serving import TITANIC, Gateway, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.servers import NatsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
URL = TITANIC["kaggle_url"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(nats_server: NatsServer) -> AsyncIterator[Gateway]:
    async with serving(nats_server) as running:
        yield running


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:podium:problem:")
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.request.url.path
    return body


def nested(depth: int) -> bytes:
    return b'{"kaggle_url":' + b"[" * depth + b"]" * depth + b"}"


BODIES = {
    "no body": (b"", 400),
    "half a body": (b'{"kaggle_url": "htt', 400),
    "no JSON": (b"kaggle_url=x", 400),
    "a null byte": (b'{"kaggle_url": "https://www.kaggle.com/c/t\x00"}', 400),
    "no UTF-8": (b'{"kaggle_url": "\xff\xfe"}', 400),
    "two values": (json.dumps(TITANIC).encode() * 2, 400),
    "deep nesting": (nested(20_000), 422),
    "deep nesting in a field unknown": (nested(20_000).replace(b"kaggle_url", b"x"), 422),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "no fields": (b"{}", 422),
    "an escaped null": (b'{"kaggle_url": "https://www.kaggle.com/c/t\\u0000"}', 422),
    "a number for a URL": (b'{"kaggle_url": 1}', 422),
    "no competition": (b'{"kaggle_url": "https://www.kaggle.com/datasets/x"}', 422),
    "another host": (b'{"kaggle_url": "https://kaggle.com.example.org/c/x"}', 422),
    "local where there is none": (b'{"kaggle_url": "local:titanic"}', 422),
    "a text for a number": (json.dumps(TITANIC | {"budget_s": "300"}).encode(), 422),
    "too small a budget": (json.dumps(TITANIC | {"budget_s": 29}).encode(), 422),
    "too large a budget": (json.dumps(TITANIC | {"budget_s": 86401}).encode(), 422),
    "half a second": (json.dumps(TITANIC | {"budget_s": 30.5}).encode(), 422),
    "a price below nothing": (json.dumps(TITANIC | {"dollars_max": -0.01}).encode(), 422),
    "eleven tags": (json.dumps(TITANIC | {"tags": [f"t{n}" for n in range(11)]}).encode(), 422),
    "an empty tag": (json.dumps(TITANIC | {"tags": [""]}).encode(), 422),
    "a tag that is too long": (json.dumps(TITANIC | {"tags": ["x" * 41]}).encode(), 422),
    "a tag with a line's end": (json.dumps(TITANIC | {"tags": ["x\n"]}).encode(), 422),
    "an unknown field": (json.dumps(TITANIC | {"budget": 300}).encode(), 422),
    "100 kB": (json.dumps(TITANIC | {"x": "x" * 100_000}).encode(), 413),
}


async def test_a_bad_body_is_refused_and_stores_nothing(gateway: Gateway) -> None:
    before = await gateway.parts.link.last_sequence()
    for name, (body, status) in BODIES.items():
        answer = await gateway.client.post("/run", content=body, headers=JSON)
        assert answer.status_code == status, (name, answer.text)
        problem = assert_problem(answer, status)
        assert ("errors" in problem) is (status == 422), name
    assert await gateway.parts.link.last_sequence() == before


async def test_a_large_body_of_unknown_length_is_refused(gateway: Gateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    assert_problem(await gateway.client.post("/run", content=chunks(), headers=JSON), 413)


async def test_a_message_names_the_field(gateway: Gateway) -> None:
    cases = {"budget_s": TITANIC | {"budget_s": 1}, "kaggle_url": {"kaggle_url": "x"}}
    for field, body in cases.items():
        problem = assert_problem(await gateway.client.post("/run", json=body), 422)
        assert problem["errors"][0]["field"] == field
    unknown = assert_problem(await gateway.client.post("/run", json=TITANIC | {"budget": 1}), 422)
    assert "unknown field `budget`" in unknown["detail"]


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "nonsense", ""]
)
async def test_only_json_is_taken(gateway: Gateway, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = json.dumps(TITANIC).encode()
    assert_problem(await gateway.client.post("/run", content=body, headers=headers), 415)


async def test_json_with_a_charset_is_json(gateway: Gateway) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await gateway.client.post("/run", content=json.dumps(TITANIC), headers=headers)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "path",
    ["/status/nope", "/jobs/%00", "/jobs/*", "/jobs/%3E/events", "/jobs/x/files/y", "/jobs?before=nope"],
)
async def test_an_id_that_is_none(gateway: Gateway, path: str) -> None:
    assert_problem(await gateway.client.get(path), 400)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=x", "limit=9" + "9" * 30, "status=sleeping"),
        *("competition=a%00b", "competition=", "search=%25", "tag=a%20b", f"tag={'x' * 41}"),
        *("since=yesterday", "since=2026-01-31T12:00:00", "until=0001-01-01T00:00:00%2B14:00"),
    ],
)
async def test_a_parameter_out_of_range(gateway: Gateway, query: str) -> None:
    problem = assert_problem(await gateway.client.get(f"/jobs?{query}"), 400)
    assert problem["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", ""])
async def test_a_place_in_the_log_that_is_none(gateway: Gateway, last: str) -> None:
    path = f"/jobs/{await gateway.submit()}/events"
    assert_problem(await gateway.client.get(path, headers={"Last-Event-ID": last}), 400)
    assert_problem(await gateway.client.get(path, params={"after": last}), 400)


@pytest.mark.parametrize("at", ["0", "-1", "1.5", "now", ""])
async def test_a_moment_that_is_none(gateway: Gateway, at: str) -> None:
    path = f"/jobs/{await gateway.submit()}"
    assert_problem(await gateway.client.get(path, params={"at": at}), 400)


async def test_a_path_and_a_method_that_are_none(gateway: Gateway) -> None:
    assert_problem(await gateway.client.get("/nope"), 404)
    assert_problem(await gateway.client.get("/schema/nope"), 404)
    answer = await gateway.client.put("/run", json=TITANIC)
    assert_problem(answer, 405)
    assert "POST" in answer.headers["allow"]
    answer = await gateway.client.options(f"/jobs/{new_job_id()}")
    assert (answer.status_code, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")


async def test_a_bug_is_hidden(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(gateway.parts.link, "append", broken)
    answer = await gateway.client.post("/run", json=TITANIC)
    assert_problem(answer, 500)
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text


async def test_every_answer_tells_a_browser_to_trust_nothing(gateway: Gateway) -> None:
    for path in ("/", "/nope", "/health/live", "/status/nope"):
        headers = (await gateway.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers
