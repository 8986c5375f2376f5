"""Whatever is asked, an answer is one that ``GET /schema`` tells of: its status, and the type of its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events import catalogue as ev
from tests.integration.gateway_serving import Gateway, migrated, project, requested, serving, started

if TYPE_CHECKING:
    import httpx

    from tests.servers import NatsServer

EXAMPLES = 40
"""Requests for each operation."""

PAGE = {"/", "/page/{name}"}
"""Files for a browser, each with a type of its own: tests of the page are elsewhere."""

# No "." and "..", which a client resolves by itself, and no "/", which makes another path.
STEPS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/."), min_size=1, max_size=20)
HEADERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)


async def ended_job(gateway: Gateway, *, owner: str | None = None) -> str:
    """A job that has left a file."""
    event = replace(requested(), owner=owner)
    job_id = event.job_id
    await gateway.write(event)
    csv = await gateway.files.put(job_id=job_id, attempt=1, name="submission.csv", data=b"id,y\n1,2\n")
    await gateway.write(
        *started(job_id),
        ev.AttemptSucceeded(
            job_id=job_id,
            attempt=1,
            task="binary",
            metric="auc",
            maximize=True,
            score=0.9,
            fold_scores=(0.9,),
            artifacts=(csv,),
        ),
        ev.JobSucceeded(job_id=job_id, attempt=1),
    )
    return job_id


def fitting(schema: dict[str, Any], ids: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of the type that is asked for, though not always in its range."""
    described = str(schema)
    if "enum" in schema:
        return st.sampled_from([str(one) for one in schema["enum"] if one])
    if "boolean" in described:
        return st.sampled_from(["true", "false"])
    if "integer" in described:
        return st.one_of(st.integers(-2, 200), st.integers()).map(str)
    if "date-time" in described:
        return st.tuples(st.datetimes(), st.sampled_from(["", "Z", "+14:00"])).map(
            lambda given: given[0].isoformat() + given[1]
        )
    return st.one_of(ids, st.sampled_from(["titanic", "bytes=0-3", "bytes=99-", "*"]))


def values_of(parameter: dict[str, Any], jobs: list[str]) -> st.SearchStrategy[str]:
    """Most of them fit."""
    ids = st.one_of(st.sampled_from(jobs), st.sampled_from(jobs), st.uuids().map(str))
    fit = fitting(parameter["schema"], ids)
    match parameter:
        case {"in": "path", "name": "job_id"}:
            return st.one_of(ids, ids, ids, STEPS)
        case {"in": "path"}:
            return st.one_of(st.just("submission.csv"), STEPS)
        case {"in": "header"}:
            return st.one_of(fit, fit, HEADERS)
        case _:
            return st.one_of(fit, fit, st.text(max_size=12))


def requests_of(path: str, operation: dict[str, Any], jobs: list[str]) -> list[dict[str, Any]]:
    parameters = operation.get("parameters", [])
    strategy = st.fixed_dictionaries(
        {one["name"]: values_of(one, jobs) for one in parameters if one["in"] == "path"},
        optional={one["name"]: values_of(one, jobs) for one in parameters if one["in"] != "path"},
    )
    places = {one["name"]: one["in"] for one in parameters}
    found: list[dict[str, Any]] = []

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(drawn: dict[str, str]) -> None:
        of = {
            place: {name: text for name, text in drawn.items() if places[name] == place}
            for place in ("path", "query", "header")
        }
        url = path.format(**{name: quote(text, safe="") for name, text in of["path"].items()})
        found.append({"url": url, "params": of["query"], "headers": of["header"]})

    draw()
    return found


def told_of(answer: httpx.Response, operation: dict[str, Any]) -> bool:
    response = operation["responses"].get(str(answer.status_code))
    if response is None:
        return False
    documented = {name.partition(";")[0] for name in response.get("content") or ()}
    given = answer.headers.get("content-type", "").partition(";")[0]
    return given in documented if documented else not given or not int(answer.headers["content-length"])


async def test_every_answer_is_one_that_is_documented(nats_server: NatsServer, database_url: str) -> None:
    async with (
        migrated(database_url) as database,
        serving(nats_server, database_url=database_url) as gateway,
    ):
        jobs = [await ended_job(gateway), await gateway.submit()]
        for job_id in jobs:
            await project(database, gateway.log, job_id)
        paths = (await gateway.client.get("/schema")).json()["paths"]
        wrong, seen = [], set()
        for path, operation in ((path, ways["get"]) for path, ways in paths.items() if "get" in ways):
            if path in PAGE:
                continue
            for request in requests_of(path, operation, jobs):
                # A stream may go on for ever: only how it begins is looked at.
                async with gateway.client.stream("GET", **request) as answer:
                    seen.add((path, answer.status_code))
                    if not told_of(answer, operation):
                        wrong.append((request, answer.status_code, answer.headers.get("content-type")))
    assert wrong == []
    for path in ("/jobs", "/jobs/{job_id}", "/jobs/{job_id}/logs", "/jobs/{job_id}/files/{name}", "/events"):
        assert {(path, 200), (path, 400)} <= seen, path
