"""Anthropic's Messages API on a local port: one streamed answer a request, as the real client reads it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

ERRORS = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}


@dataclass(kw_only=True)
class Script:
    """What the server answers: `text`, in pieces, ended by `stop_reason`, after a prompt of `usage` tokens.

    `failures` are statuses (with a Retry-After in seconds, or None) for the next requests, one each;
    `pause` holds every answer back until it is set; `cut_after` ends the stream after so many events;
    `between_s` passes before each event, as a slow model takes; `error_after` is the number of events after
    which the stream says that the server is overloaded.
    """

    text: str = "{}"
    stop_reason: str = "end_turn"
    usage: dict[str, int] = field(default_factory=lambda: {"input_tokens": 100, "output_tokens": 50})
    failures: list[tuple[int, str | None]] = field(default_factory=list)
    pause: threading.Event | None = None
    cut_after: int | None = None
    between_s: float = 0.0
    error_after: int | None = None


class AnthropicServer:
    """Answers by `script` to whoever has `key`; `bodies` and `headers` are what came, request by request.

    Where one script is not enough `answer` chooses one by the request's body.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        answer: Callable[[dict[str, Any]], Script] | None = None,
        key: str = "sk-test",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.script = script or Script()
        self.answer = answer or (lambda _body: self.script)
        self.key = key
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._http = _Http((host, port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="fake-anthropic")

    @property
    def url(self) -> str:
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.script.pause:
            self.script.pause.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def events(self, model: str, script: Script) -> list[dict[str, Any]]:
        """The stream's events: https://platform.claude.com/docs/en/build-with-claude/streaming."""
        usage = script.usage
        message: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage | {"output_tokens": 1},
        }
        half = len(script.text) // 2
        pieces = [script.text[:half], script.text[half:]]
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
        ended = {"stop_reason": script.stop_reason, "stop_sequence": None}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": usage["output_tokens"]}},
            {"type": "message_stop"},
        ]
        if script.error_after is None:
            return events[: script.cut_after]
        overloaded = {"type": "overloaded_error", "message": "Overloaded"}
        return [*events[: script.error_after], {"type": "error", "error": overloaded}]


class _Http(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], anthropic: AnthropicServer) -> None:
        self.anthropic = anthropic
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def log_message(self, *args: object) -> None:
        """A test reads `bodies`, not a log."""

    def do_POST(self) -> None:
        fake = self.server.anthropic
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake.bodies.append(body)
        fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        script = fake.answer(body)
        if script.pause:
            script.pause.wait()
        bearer = self.headers.get("Authorization", "")
        if self.path != "/v1/messages" or not body.get("stream"):
            self._error(404, None)
        elif fake.key not in (self.headers.get("X-Api-Key"), bearer.removeprefix("Bearer ")):
            self._error(401, None)
        elif script.failures:
            self._error(*script.failures.pop(0))
        else:
            self._stream(fake.events(str(body["model"]), script), script.between_s)

    def _stream(self, events: list[dict[str, Any]], between_s: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        try:
            for event in events:
                time.sleep(between_s)
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        except BrokenPipeError:
            self.close_connection = True  # whoever asked has given up

    def _error(self, status: int, retry_after: str | None) -> None:
        kind = ERRORS.get(status, "api_error")
        body = json.dumps({"type": "error", "error": {"type": kind, "message": kind}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)
