"""Kaggle's competition API on a local port: what the real client sends, and what Kaggle answers.

An RPC is ``POST /v1/competitions.CompetitionApiService/<name>`` with a JSON body, signed in by HTTP basic
auth; an error is ``{"code", "message"}`` with that status.  A download is a redirect to a signed address
(in production on another host), which serves ranges, an ETag, and asks for no credentials.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "/v1/competitions.CompetitionApiService/"
RULES_TEXT = "You must accept this competition's rules before you'll be able to download files."
PAGE_FILE = "description.md"


@dataclass(kw_only=True)
class Faults:
    """How the server misbehaves.

    `answers` are statuses (with a Retry-After in seconds, or None) that the next requests get, one each;
    `always` is a status that every request gets; `cut_at` holds byte counts after which the next downloads
    are cut, one each; `changed_after_cut` serves other bytes (2 for 1) once a download was cut; so many
    of the next submissions are taken, but answered with a 503, as `lost_answers` says; `submission_error` is
    why none can be scored.
    """

    answers: list[tuple[int, int | None]] = field(default_factory=list)
    always: int | None = None
    rules_accepted: bool = True
    ranges: bool = True
    cut_at: list[int] = field(default_factory=list)
    changed_after_cut: bool = False
    lost_answers: int = 0
    submission_error: str | None = None


@dataclass(kw_only=True)
class Request:
    """A request that came: its method, the RPC or path, and the Range it asked for."""

    method: str
    path: str
    range: str | None


class KaggleServer:
    """Serves the files of the folder `root` as the competition `slug`; ``description.md`` in it is a page.

    `zipped` names files that are served compressed, under their name with ``.zip`` added, as Kaggle does
    with large tables.  Use as a context manager; `url` is what KAGGLE_API_ENDPOINT takes.
    """

    def __init__(
        self,
        root: Path,
        *,
        slug: str,
        title: str = "",
        metric: str | None = None,
        kernels_only: bool = False,
        zipped: frozenset[str] = frozenset(),
        faults: Faults | None = None,
        credentials: tuple[str, str] = ("someone", "a-key"),
        host: str = "127.0.0.1",
        port: int = 0,
        page_files: int = 20,
    ) -> None:
        self.root = root
        self.slug = slug
        self.title = title or slug
        self.metric = metric
        self.kernels_only = kernels_only
        self.zipped = zipped
        self.faults = faults or Faults()
        self.authorization = "Basic " + base64.b64encode(":".join(credentials).encode()).decode()
        self.page_files = page_files
        self.requests: list[Request] = []
        self.cuts = 0
        self.submissions: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.looks_until_scored = 2
        self._http = _Http((host, port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="fake-kaggle")

    @property
    def url(self) -> str:
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def names(self) -> list[str]:
        """The data files, by their path below the root."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        return sorted(name for name in found if name != PAGE_FILE)

    def content(self, served: str) -> bytes | None:
        """The bytes of a file under the name that it is served by, or None."""
        name = served.removesuffix(".zip") if served.removesuffix(".zip") in self.zipped else served
        if served == f"{self.slug}.zip":
            return _zip({name: (self.root / name).read_bytes() for name in self.names()})
        if name not in self.names():
            return None
        body = (self.root / name).read_bytes()
        return _zip({Path(name).name: body}) if name != served else body


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name), body)  # a fixed date: the same bytes each time
    return buffer.getvalue()


class _Http(ThreadingHTTPServer):
    """The listening socket, which the handlers of single requests know the competition by."""

    def __init__(self, address: tuple[str, int], kaggle: KaggleServer) -> None:
        self.kaggle = kaggle
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"

    @property
    def kaggle(self) -> KaggleServer:
        return self.server.kaggle

    def log_message(self, *args: object) -> None:
        """A test reads `requests`, not a log."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        self._note()
        rpc = _RPCS.get(self.path.removeprefix(SERVICE)) if self.path.startswith(SERVICE) else None
        if self._misbehave():
            return
        if self.headers.get("Authorization") != self.kaggle.authorization:
            self._error(401, "Unauthenticated")
        elif rpc is None:
            self._error(404, "Not found")
        else:
            rpc(self, body)

    def do_GET(self) -> None:
        self._note()
        if self._misbehave():
            return
        served = unquote(urlsplit(self.path).path).removeprefix("/signed/")
        body = self.kaggle.content(served)
        if body is None or f"signature={_signature(served)}" not in self.path:
            self._error(403, "SignatureDoesNotMatch")
            return
        self._send_file(body)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._note()
        token = urlsplit(self.path).path.removeprefix("/upload/")
        if token not in self.kaggle.uploads:
            self._error(404, "Not found")
            return
        self.kaggle.uploads[token] = body
        self._head(200, 0, {})

    def _note(self) -> None:
        path = urlsplit(self.path).path.removeprefix(SERVICE)
        self.kaggle.requests.append(Request(method=self.command, path=path, range=self.headers.get("Range")))

    def _misbehave(self) -> bool:
        if self.kaggle.faults.always is not None:
            self._error(self.kaggle.faults.always, "Something went wrong")
            return True
        if self.kaggle.faults.answers:
            status, retry_after = self.kaggle.faults.answers.pop(0)
            headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
            self._error(status, "Too many requests" if status == 429 else "Something went wrong", headers)
            return True
        return False

    def _send_file(self, body: bytes) -> None:
        if self.kaggle.cuts > 0 and self.kaggle.faults.changed_after_cut:
            body = body.replace(b"1", b"2")
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {"ETag": etag, "Last-Modified": formatdate(1_600_000_000, usegmt=True)}
        headers |= {"Accept-Ranges": "bytes"} if self.kaggle.faults.ranges else {}
        asked = self.headers.get("Range", "")
        start, status = 0, 200
        if self.kaggle.faults.ranges and asked and self.headers.get("If-Range", etag) == etag:
            start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        self._head(status, len(rest), {"Content-Type": "application/octet-stream", **headers})
        if self.kaggle.faults.cut_at:
            self.kaggle.cuts += 1
            self.wfile.write(rest[: self.kaggle.faults.cut_at.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(rest)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, answer: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self._head(status, len(body), {"Content-Type": "application/json", **(headers or {})})
        self.wfile.write(body)

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self._json({"code": status, "message": message}, status, headers)

    def _list_competitions(self, body: dict[str, Any]) -> None:
        entry = {
            "id": 1,
            "ref": f"https://www.kaggle.com/competitions/{self.kaggle.slug}",
            "title": self.kaggle.title,
            "evaluationMetric": self.kaggle.metric,
            "isKernelsSubmissionsOnly": self.kaggle.kernels_only,
            "userHasEntered": self.kaggle.faults.rules_accepted,
            "deadline": "2030-01-01T00:00:00Z",
        }
        other = entry | {
            "id": 2,
            "ref": f"https://www.kaggle.com/competitions/{self.kaggle.slug}-2",
            "title": "B",
        }
        found = [other, entry] if body.get("search", "") in self.kaggle.slug else []
        self._json({"competitions": found, "nextPageToken": ""})

    def _list_pages(self, body: dict[str, Any]) -> None:
        if self._known(body):
            page = self.kaggle.root / PAGE_FILE
            rules = {"name": "rules", "content": "<p>No sharing.</p>"}
            text = page.read_text(encoding="utf-8") if page.is_file() else ""
            self._json(
                {"pages": [{"name": "description", "content": text, "mimeType": "text/markdown"}, rules]}
            )

    def _list_files(self, body: dict[str, Any]) -> None:
        if not self._known(body):
            return
        start = int(body.get("pageToken") or 0)
        names = self.kaggle.names()
        end = start + min(int(body.get("pageSize") or 20), self.kaggle.page_files)
        files = [{"name": n, "totalBytes": (self.kaggle.root / n).stat().st_size} for n in names[start:end]]
        self._json({"files": files, "nextPageToken": str(end) if end < len(names) else ""})

    def _download_one(self, body: dict[str, Any]) -> None:
        name = str(body.get("fileName", ""))
        if self._known(body) and self._accepted():
            if name in self.kaggle.names():
                self._redirect(f"{name}.zip" if name in self.kaggle.zipped else name)
            else:
                self._error(404, "Not found")

    def _download_all(self, body: dict[str, Any]) -> None:
        if self._known(body) and self._accepted():
            self._redirect(f"{self.kaggle.slug}.zip")

    def _start_upload(self, body: dict[str, Any]) -> None:
        if self._known(body) and self._accepted():
            token = f"blob-{len(self.kaggle.uploads)}"
            self.kaggle.uploads[token] = b""
            self._json({"token": token, "createUrl": f"http://{self.headers['Host']}/upload/{token}"})

    def _create_submission(self, body: dict[str, Any]) -> None:
        if not (self._known(body) and self._accepted()):
            return
        entry = {
            "ref": 100 + len(self.kaggle.submissions),
            "description": body["submissionDescription"],
            "fileName": "submission.csv",
            "status": "PENDING",
            "content": self.kaggle.uploads[body["blobFileTokens"]],
            "looks": 0,
        }
        self.kaggle.submissions.insert(0, entry)
        if self.kaggle.faults.lost_answers > 0:
            self.kaggle.faults.lost_answers -= 1
            self._error(503, "Something went wrong")
        else:
            self._json({"message": "Successfully submitted", "ref": entry["ref"]})

    def _list_submissions(self, body: dict[str, Any]) -> None:
        if not self._known(body):
            return
        error = self.kaggle.faults.submission_error
        verdict = {"status": "COMPLETE", "publicScore": "0.7766"}
        if error:
            verdict = {"status": "ERROR", "errorDescription": error}
        for entry in self.kaggle.submissions:
            entry["looks"] += 1
            if entry["looks"] >= self.kaggle.looks_until_scored:
                entry.update(verdict)
        shown = [
            {name: value for name, value in entry.items() if name not in {"content", "looks"}}
            for entry in self.kaggle.submissions
        ]
        self._json({"submissions": shown, "nextPageToken": ""})

    def _redirect(self, served: str) -> None:
        address = f"http://{self.headers['Host']}/signed/{quote(served)}?signature={_signature(served)}"
        self._head(302, 0, {"Location": address})

    def _known(self, body: dict[str, Any]) -> bool:
        if body.get("competitionName") == self.kaggle.slug:
            return True
        self._error(404, "Not found")
        return False

    def _accepted(self) -> bool:
        if not self.kaggle.faults.rules_accepted:
            self._error(403, RULES_TEXT)
        return self.kaggle.faults.rules_accepted


_RPCS: dict[str, Callable[[_Handler, dict[str, Any]], None]] = {
    "ListCompetitions": _Handler._list_competitions,
    "ListCompetitionPages": _Handler._list_pages,
    "ListDataFiles": _Handler._list_files,
    "DownloadDataFile": _Handler._download_one,
    "DownloadDataFiles": _Handler._download_all,
    "StartSubmissionUpload": _Handler._start_upload,
    "CreateSubmission": _Handler._create_submission,
    "ListSubmissions": _Handler._list_submissions,
}


def _signature(served: str) -> str:
    return hashlib.sha256(served.encode()).hexdigest()[:16]
