"""The gateway's plain requests against a real NATS and Postgres: submit, show, list, cancel, files."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest
import pytest_asyncio

from events import catalogue as ev
from events.contracts import asyncapi
from services.gateway.job_id import new_job_id
from tests.integration.gateway_serving import (
    TITANIC,
    Gateway,
    ended_job,
    migrated,
    project,
    requested,
    serving,
    started,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from tests.servers import NatsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

CSV = b"id,y\n1,2\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(nats_server: NatsServer) -> AsyncIterator[Gateway]:
    async with serving(nats_server) as running:
        yield running


async def test_a_submit_is_stored_before_it_is_accepted(gateway: Gateway) -> None:
    answer = await gateway.client.post(
        "/run", json={"kaggle_url": "https://kaggle.com/c/Titanic/overview", "budget_s": 300}
    )
    body = answer.json()
    job_id = body["job_id"]
    assert answer.status_code == 202
    assert answer.headers["location"] == body["status_url"] == f"/status/{job_id}"
    assert body["events_url"] == f"/jobs/{job_id}/events"
    records = await gateway.log.read_job(job_id)
    assert [record.event for record in records] == [
        ev.JobRequested(
            job_id=job_id,
            competition="titanic",
            source="kaggle",
            kaggle_url="https://www.kaggle.com/competitions/titanic",
            budget_s=300,
        )
    ]


async def test_a_local_competition_needs_its_folder(nats_server: NatsServer, tmp_path: Path) -> None:
    (tmp_path / "wine" / "public").mkdir(parents=True)
    async with serving(nats_server, competitions_dir=tmp_path) as gateway:
        job_id = await gateway.submit(kaggle_url="local:wine")
        event = (await gateway.log.read_job(job_id))[0].event
        assert isinstance(event, ev.JobRequested)
        assert (event.source, event.competition, event.kaggle_url) == ("local", "wine", "local:wine")
        missing = await gateway.client.post("/run", json={"kaggle_url": "local:beer"})
        assert (missing.status_code, missing.json()["type"]) == (
            404,
            "urn:podium:problem:no-such-competition",
        )


async def test_a_job_is_shown_from_the_log_while_it_has_no_row(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    for path in (f"/status/{job_id}", f"/jobs/{job_id}", f"/status/{job_id.upper()}"):
        answer = await gateway.client.get(path)
        assert answer.status_code == 200
        assert (answer.json()["job_id"], answer.json()["status"]) == (job_id, "queued")


async def test_a_job_is_shown_and_listed_from_its_row(nats_server: NatsServer, database_url: str) -> None:
    async with (
        migrated(database_url) as database,
        serving(nats_server, database_url=database_url) as gateway,
    ):
        jobs = [await gateway.submit() for _ in range(5)]
        await gateway.write(*started(jobs[1]))
        for job_id in jobs:
            await project(database, gateway.log, job_id)
        # A mark that only the row has: while the row is the newest there is, the row answers.
        await database.execute(
            "UPDATE jobs SET metadata = jsonb_set(metadata, '{competition}', '\"marked\"')"
        )
        assert (await gateway.client.get(f"/status/{jobs[0]}")).json()["competition"] == "marked"
        await gateway.write(ev.JobCancelRequested(job_id=jobs[0]))
        behind = (await gateway.client.get(f"/status/{jobs[0]}")).json()
        assert (behind["cancel_requested"], behind["competition"]) == (True, "titanic")

        listed: list[str] = []
        query: dict[str, str | int] = {"limit": 2}
        while True:
            page = (await gateway.client.get("/jobs", params=query)).json()
            assert len(page["jobs"]) <= 2
            listed += [job["job_id"] for job in page["jobs"]]
            if page["next_before"] is None:
                break
            query["before"] = page["next_before"]
        assert listed == sorted(jobs, reverse=True)

        running = (await gateway.client.get("/jobs", params={"status": "running"})).json()
        assert [job["job_id"] for job in running["jobs"]] == [jobs[1]]


async def test_cancel_is_asked_for_once_and_refused_after_the_end(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    for _ in range(2):
        answer = await gateway.client.delete(f"/jobs/{job_id}")
        assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    assert len(await gateway.log.read_job(job_id)) == 2
    await gateway.write(ev.JobCancelled(job_id=job_id))
    late = await gateway.client.delete(f"/jobs/{job_id}")
    assert (late.status_code, late.json()["type"]) == (409, "urn:podium:problem:job-has-ended")


async def finished(gateway: Gateway, *files: tuple[str, bytes]) -> str:
    event = requested()
    job_id = event.job_id
    await gateway.write(event)
    stored = [await gateway.files.put(job_id=job_id, attempt=1, name=name, data=data) for name, data in files]
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
            artifacts=tuple(stored),
        ),
        ev.JobSucceeded(job_id=job_id, attempt=1),
    )
    return job_id


async def test_a_file_is_served_as_it_was_stored(gateway: Gateway) -> None:
    job_id = await finished(gateway, ("submission.csv", CSV), ("report.html", b"<script>x</script>"))
    url = (await gateway.client.get(f"/status/{job_id}")).json()["artifacts"][0]["url"]
    answer = await gateway.client.get(url)
    assert (answer.status_code, answer.content) == (200, CSV)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="submission.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    etag = answer.headers["etag"]
    assert etag == f'"{hashlib.sha256(CSV).hexdigest()}"'
    again = await gateway.client.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    report = await gateway.client.get(f"/jobs/{job_id}/files/report.html")
    assert report.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert report.headers["content-disposition"].startswith("inline")


async def test_only_recorded_files_are_served(gateway: Gateway) -> None:
    job_id = await finished(gateway, ("submission.csv", CSV))
    other = await finished(gateway, ("report.html", b"x"))
    names = [
        "report.html",
        "%2e%2e",
        "%2e%2e%2fsubmission.csv",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "submission.csv%00",
    ]
    names += [f"..%2f..%2f{other}%2f1%2freport.html", f"{job_id}%2f1%2fsubmission.csv", "%c0%ae%c0%ae%2fx"]
    for name in names:
        answer = await gateway.client.get(f"/jobs/{job_id}/files/{name}")
        assert answer.status_code in {400, 404, 405}, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", name


async def test_a_running_job_has_no_files(gateway: Gateway) -> None:
    answer = await gateway.client.get(f"/jobs/{await gateway.submit()}/files/submission.csv")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:podium:problem:no-such-file")


async def test_a_damaged_file_is_not_served(gateway: Gateway) -> None:
    job_id = await finished(gateway, ("submission.csv", CSV))
    await gateway.files.put(job_id=job_id, attempt=1, name="submission.csv", data=b"other")
    assert (await gateway.client.get(f"/jobs/{job_id}/files/submission.csv")).status_code == 503


async def test_an_unknown_job_is_not_found_anywhere(gateway: Gateway) -> None:
    job_id = new_job_id()
    paths = [f"/status/{job_id}", f"/jobs/{job_id}", f"/jobs/{job_id}/events", f"/jobs/{job_id}/files/x"]
    answers = [await gateway.client.get(path) for path in paths]
    answers.append(await gateway.client.delete(f"/jobs/{job_id}"))
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:podium:problem:no-such-job")


async def test_the_interface_is_described(gateway: Gateway) -> None:
    index = (await gateway.client.get("/")).json()
    schema = (await gateway.client.get("/schema")).json()
    described = {f"{method.upper()} {path}" for path, ways in schema["paths"].items() for method in ways}
    assert set(index["endpoints"]) - {"GET /schema"} <= described
    run = schema["paths"]["/run"]["post"]
    refused = run["responses"]["422"]["content"]["application/problem+json"]
    assert refused["schema"]["$ref"].endswith("/ProblemDetails")
    assert TITANIC in run["requestBody"]["content"]["application/json"]["schema"]["examples"]
    assert (await gateway.client.get("/health/live")).json() == {"status": "up"}


async def test_the_list_of_endpoints_is_that_of_the_interface(gateway: Gateway) -> None:
    listed = (await gateway.client.get("/")).json()["endpoints"]
    paths = (await gateway.client.get("/schema")).json()["paths"]
    described = {f"{method.upper()} {path}" for path, ways in paths.items() for method in ways}
    assert set(listed) == described | {"GET /schema"}


async def test_the_events_are_described(gateway: Gateway) -> None:
    document = (await gateway.client.get("/asyncapi.json")).json()
    assert document == msgspec.json.decode(msgspec.json.encode(asyncapi()))
    for name in document["channels"]:
        schema = await gateway.client.get(f"/schemas/{name}.json")
        assert schema.headers["content-type"] == "application/schema+json"
        assert schema.json()["title"] == name
    missing = await gateway.client.get("/schemas/JobExploded.json")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:podium:problem:no-such-event")


@pytest.mark.parametrize(
    "path",
    ["/", "/status/{job}", "/jobs/{job}/files/submission.csv", "/jobs/{job}/log", "/page/main.js", "/nope"],
)
async def test_a_head_is_that_of_what_get_answers(gateway: Gateway, path: str) -> None:
    path = path.format(job=await ended_job(gateway))
    whole, head = await gateway.client.get(path), await gateway.client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert without_date(head) == without_date(whole)
    assert int(head.headers["content-length"]) == len(whole.content)


async def test_the_head_of_a_stream_is_all_of_it(gateway: Gateway) -> None:
    for path in (f"/jobs/{await gateway.submit()}/events", "/events"):
        head = await gateway.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
    async with asyncio.timeout(10):
        while gateway.parts.hub.readers:
            await asyncio.sleep(0.01)


async def test_a_path_with_no_get_has_no_head(gateway: Gateway) -> None:
    answer = await gateway.client.head("/run")
    assert (answer.status_code, answer.content) == (405, b"")


def without_date(answer: httpx.Response) -> list[tuple[str, str]]:
    return [header for header in answer.headers.multi_items() if header[0] != "date"]
