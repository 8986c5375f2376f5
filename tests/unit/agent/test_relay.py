"""The way out of a container without a network: what goes in at one end comes out at the other."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.relay import lead_out
from agent.settings import EGRESS_VARIABLE
from events.progress import KEPT_BACK, KEYS_ASKED

if TYPE_CHECKING:
    from pathlib import Path

MUCH = bytes(range(256)) * 4096


def answer_once(listening: socket.socket) -> None:
    """Say back all that was said, once that is known to be all."""
    there, _ = listening.accept()
    with there:
        there.sendall(b"".join(iter(lambda: there.recv(65_536), b"")))


def test_all_that_is_said_is_passed_on_both_ways_by_an_executor_that_comes_late(tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    environment = {EGRESS_VARIABLE: path, "NO_PROXY": "*", "all_proxy": "socks5://127.0.0.1:1"}
    lead_out(environment)
    assert set(environment) == {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"}
    place = urlsplit(environment["HTTPS_PROXY"])
    with (
        socket.create_connection((place.hostname, place.port), timeout=20) as client,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        time.sleep(0.05)
        listening.bind(path)
        listening.listen()
        executor = threading.Thread(target=answer_once, args=(listening,))
        executor.start()
        client.sendall(MUCH)
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(65_536), b"")) == MUCH
        executor.join(20)


def test_keys_that_were_kept_back_are_asked_for(tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    environment = {EGRESS_VARIABLE: path, "KAGGLE_KEY": KEPT_BACK, "KAGGLE_USERNAME": "me"}
    heard: list[bytes] = []

    def tell() -> None:
        there, _ = listening.accept()
        with there:
            heard.append(b"".join(iter(lambda: there.recv(65_536), b"")))
            there.sendall(b'{"KAGGLE_KEY": "k-e-y"}')

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        executor = threading.Thread(target=tell)
        executor.start()
        lead_out(environment)
        executor.join(20)
    assert heard == [KEYS_ASKED]
    assert (environment["KAGGLE_KEY"], environment["KAGGLE_USERNAME"]) == ("k-e-y", "me")


def test_an_agent_without_a_way_out_is_left_as_it_is() -> None:
    environment = {"NO_PROXY": "*"}
    lead_out(environment)
    assert environment == {"NO_PROXY": "*"}
