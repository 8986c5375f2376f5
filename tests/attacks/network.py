"""Tries to reach anybody: over TCP, UDP, DNS, local sockets, raw system calls, another ABI and io_uring."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import signal
import socket
import struct

libc = ctypes.CDLL(None, use_errno=True)


def tried(name: str, attempt: object) -> None:
    try:
        attempt()
        print(f"BROKE {name}", flush=True)
    except (OSError, ValueError) as error:
        print(f"HELD {name} {type(error).__name__} {error}", flush=True)


def raw(number: int, *arguments: int) -> None:
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


families = ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG")
for family in families:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        tried(f"{family} {kind.name}", functools.partial(socket.socket, getattr(socket, family), kind))
tried("DNS", lambda: socket.getaddrinfo("example.com", 443))
tried("TCP", lambda: socket.create_connection(("1.1.1.1", 443), 3))
tried("datagram pair", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
pair = socket.socketpair()
print("FINE a pair of its own", flush=True)
tried("turned pair", lambda: pair[0].connect("\0podium-test"))
tried("pair sent elsewhere", lambda: pair[0].sendto(b"x", "\0podium-test"))
tried("io_uring", lambda: raw(425, 8, ctypes.addressof(ctypes.create_string_buffer(256))))
if os.uname().machine == "x86_64":
    tried("x32 socket", lambda: raw(0x40000000 | 41, 2, 1, 0))

    def compat() -> None:
        """socket(2) by the 32-bit entrance: int 0x80, in a child that may die of it."""
        code = bytes.fromhex("b867010000bb02000000b90100000031d2cd80c3")
        child = os.fork()
        if child == 0:
            area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            area.write(code)
            call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(area)))
            os._exit(0 if call() >= 0 else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            raise OSError(f"ended with {status}")

    tried("32-bit socket", compat)
tried("user namespace", lambda: raw(272 if os.uname().machine == "x86_64" else 97, 0x10000000))
tried("kill the agent", lambda: os.kill(os.getppid(), signal.SIGTERM))
tried("kill the first process", lambda: os.kill(1, signal.SIGKILL))
tried("kill all", lambda: os.kill(-1, signal.SIGKILL))
tried("starve the agent", lambda: __import__("resource").prlimit(os.getppid(), 0, (1, 1)))
tried("pidfd", lambda: os.pidfd_open(os.getppid()))
assert struct.calcsize("P") == 8
