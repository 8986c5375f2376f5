from __future__ import annotations

import socket

import pytest

from cli.embedded.ports import Claims, is_free
from cli.embedded.servers import free_port
from podium.errors import StackError


def test_the_first_preferred_port_that_is_free_is_taken():
    with socket.socket() as taken, Claims() as claims:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy, wanted = taken.getsockname()[1], free_port()
        assert claims.take([None, busy, wanted]) == wanted


def test_a_port_that_another_stack_is_about_to_use_is_left_to_it():
    port = free_port()
    with Claims() as ours, Claims() as theirs:
        assert ours.take([port]) == port
        assert theirs.take([port]) != port
        with pytest.raises(StackError, match=f"Port {port} is taken"):
            theirs.take_exactly(port)
    with Claims() as later:
        assert later.take_exactly(port) == port


def test_a_port_with_a_listener_is_not_free():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not is_free(listener.getsockname()[1])
