"""What `--json` prints is JSON and nothing else, and what options ask for; over a gateway that is a fake."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from events.job import fold
from events.lines import told_line
from services.gateway.log_frames import json as log_json
from services.gateway.sse import frame
from services.gateway.view import JobPage, summary_of, view_of
from services.gateway.view_webhooks import Deliveries, DeliveryView, TryView
from services.log_line import LogLine
from tests.unit.cli.command import podium
from tests.unit.cli.history import BEGAN_AT, HISTORY, JOB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDED = fold(HISTORY)
RUNNING = fold(HISTORY[:11])
SENT = DeliveryView(
    webhook_id="msg_1",
    kind="job.succeeded",
    url="https://a.example/[red]",
    created_at=BEGAN_AT,
    state="failed",
    next_at=None,
    tries=(TryView(number=1, started_at=BEGAN_AT, status=500, error=None, duration_ms=3),),
)
LINE = LogLine(attempt=1, number=1, time=BEGAN_AT, stream="stderr", text="words [red]")


class Gateway(BaseHTTPRequestHandler):
    """Answers about one job as a gateway would, and remembers what it was asked."""

    asked: list[tuple[str, str, Any]]
    archived = False

    def do_GET(self) -> None:
        assert ENDED is not None
        answers = {
            f"/status/{JOB}": view_of(ENDED),
            f"/jobs/{JOB}/webhooks": Deliveries(webhooks=(SENT,)),
            "/jobs": JobPage(jobs=(summary_of(ENDED),), next_before=None, sequence=140),
        }
        path = self.path.partition("?")[0]
        if path == f"/jobs/{JOB}/events":
            self._answer(b"".join(map(frame, HISTORY)), "text/event-stream")
        elif path == f"/jobs/{JOB}/log" and self.archived:
            self._answer(b'{"detail": "They were archived."}', status=410)
        elif path == f"/jobs/{JOB}/log":
            self._answer(b"".join(map(told_line, HISTORY)), "application/x-ndjson")
        elif path == f"/jobs/{JOB}/logs":
            self._answer(log_json(LINE), "application/x-ndjson")
        elif path in answers:
            self._answer(msgspec.json.encode(answers[path]))
        else:
            self._answer(b'{"detail": "There is no such job."}', status=404)

    def do_POST(self) -> None:
        answers = {
            "/run": {"job_id": JOB},
            f"/jobs/{JOB}/webhooks/{SENT.webhook_id}/redeliver": replace(SENT, state="waiting"),
            "/webhooks/secret": {"secret": "whsec_x"},
        }
        self._answer(msgspec.json.encode(answers[self.path]), status=202)

    def do_DELETE(self) -> None:
        assert RUNNING is not None
        self._answer(msgspec.json.encode(view_of(RUNNING)), status=202)

    def _answer(self, body: bytes, media_type: str = "application/json", status: int = 200) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, json.loads(sent or b"null")))
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A test's output is its own."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Gateway, "asked", [], raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("status", JOB), {"status": "success", "sequence": 140}),
        (("status", "last", "--at", "110"), {"job_id": JOB}),
        (("jobs", "--search", "bike"), {"sequence": 140, "next_before": None}),
        (("cancel", "last"), {"job_id": JOB, "status": "running"}),
        (("run", "local:bikes", "--no-watch"), {"job_id": JOB}),
        (("webhooks", "redeliver", "last", "msg_1"), {"webhook_id": "msg_1", "state": "waiting"}),
        (("webhooks", "secret"), {"secret": "whsec_x"}),
        (("logs", JOB), {"text": "words [red]", "number": 1}),
    ],
)
def test_one_document(tmp_path: Path, gateway: str, words: tuple[str, ...], told: dict[str, object]) -> None:
    ended = podium(*words, "--json", home=tmp_path, url=gateway)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert told.items() <= json.loads(ended.stdout).items()
    assert podium(*words, home=tmp_path, url=gateway).stdout != ended.stdout


@pytest.mark.parametrize("words", [("run", "local:bikes"), ("watch", JOB)])
def test_a_line_for_each_event(tmp_path: Path, gateway: str, words: tuple[str, ...]) -> None:
    ended = podium(*words, "--json", home=tmp_path, url=gateway)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["sequence"] for line in lines] == [record.sequence for record in HISTORY]


def test_what_receivers_were_sent(tmp_path: Path, gateway: str) -> None:
    (told,) = json.loads(podium("webhooks", "list", JOB, "--json", home=tmp_path, url=gateway).stdout)
    assert (told["state"], told["tries"][0]["status"]) == ("failed", 500)
    listed = podium("webhooks", "list", JOB, home=tmp_path, url=gateway).stdout
    assert listed == "msg_1\tjob.succeeded\tfailed\t1\t500\t\thttps://a.example/[red]\n"


def test_what_jobs_took_stands_beside_the_estimate(tmp_path: Path, gateway: str) -> None:
    words = ("capacity", "--jobs-per-month", "1000")
    told = json.loads(podium(*words, "--json", home=tmp_path, url=gateway).stdout)
    assert (told["recorded"]["jobs"], told["recorded"]["job"]["events"]) == (1, len(HISTORY))
    assert told["recorded"]["plan"]["jobs_per_day"] == told["estimate"]["plan"]["jobs_per_day"]
    assert "recorded: 1 jobs" in podium(*words, home=tmp_path, url=gateway).stdout


def test_what_archived_jobs_took_is_not_known(
    tmp_path: Path, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "archived", True)
    words = ("capacity", "--jobs-per-month", "1000")
    told = json.loads(podium(*words, "--json", home=tmp_path, url=gateway).stdout)
    assert told["recorded"] is None
    assert "the log holds the events of no job" in podium(*words, home=tmp_path, url=gateway).stdout


def test_an_error_is_words_all_the_same(tmp_path: Path, gateway: str) -> None:
    ended = podium("status", "nobody", "--json", home=tmp_path, url=gateway)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "podium: The gateway refused: There is no such job.\n"
        "  hint: `podium jobs` lists the jobs that there are.\n"
    )


def test_what_is_wanted_is_asked_for(tmp_path: Path, gateway: str) -> None:
    podium("status", JOB, "--at", "7", home=tmp_path, url=gateway)
    podium("jobs", "--since", "2026-01-31", "--until", "2026-02-01T00:00+01:00", "--before", JOB,
           home=tmp_path, url=gateway)  # fmt: skip
    more = ("--webhook", "https://a.example/", "--dollars", "0.25", "--submit")
    podium("run", "local:bikes", "--no-watch", *more, home=tmp_path, url=gateway)
    since, until = "2026-01-31T00%3A00%3A00%2B00%3A00", "2026-02-01T00%3A00%3A00%2B01%3A00"
    assert Gateway.asked == [
        ("GET", f"/status/{JOB}?at=7", None),
        ("GET", f"/jobs?limit=20&before={JOB}&since={since}&until={until}", None),
        (
            "POST",
            "/run",
            {
                "kaggle_url": "local:bikes",
                "dollars_max": 0.25,
                "submit": True,
                "webhook_url": "https://a.example/",
            },
        ),
    ]


def test_what_needs_no_gateway(tmp_path: Path) -> None:
    ended = podium("down", "--json", home=tmp_path)
    assert (ended.returncode, json.loads(ended.stdout)["stopped"]) == (0, False)
    found = json.loads(podium("bench", "--json", home=tmp_path).stdout)
    assert {"gateway", "projector", "agent"} <= {one["name"] for one in found}
    assert all(one["measures"].startswith("How ") for one in found)
    ended = podium("bench", "nonsense", home=tmp_path)
    assert (ended.returncode, "gateway" in ended.stderr) == (2, True)
    ended = podium("bench", "projector", "--json", home=tmp_path)
    assert ended.stderr.splitlines()[1].startswith("  hint: `podium --help`"), "nobody knew better"
    ended = podium("events", "export", "--json", home=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
