"""Looks for the agent's keys: in every environment, memory and file that can be opened."""
# ruff: noqa: PTH112, PTH123, PTH208, SIM115 - an attack takes the shortest way, and closes nothing

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CANARY = b"canary-of-"


def looked(name: str, content: bytes) -> None:
    print(f"BROKE {name}" if CANARY in content else f"HELD {name}", flush=True)


def tried(name: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            looked(name, file.read(1_000_000))
    except OSError as error:
        print(f"HELD {name} {error.strerror}", flush=True)


looked("own environment", repr(dict(os.environ)).encode())
tried("own environ block", "/proc/self/environ")
others = [
    path.name for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()
]
for pid in sorted({str(os.getppid()), "1", *others[:50]}):
    for name in ("environ", "mem", "fd/0", "root/etc/shadow", "cwd/x"):
        tried(f"{name} of {'the parent' if int(pid) == os.getppid() else 'a process'}", f"/proc/{pid}/{name}")
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
        print(f"BROKE maps {len(maps)}" if maps else "HELD maps", flush=True)
    except OSError as error:
        print(f"HELD maps {error.strerror}", flush=True)
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(8)
print("BROKE ptrace" if libc.ptrace(16, os.getppid(), 0, 0) == 0 else "HELD ptrace", flush=True)
where = (ctypes.c_ulong * 2)(ctypes.addressof(buffer), 8)
got = libc.process_vm_readv(os.getppid(), where, 1, where, 1, 0)
print("BROKE process_vm_readv" if got > 0 else "HELD process_vm_readv", flush=True)
for place in ("/root", "/home", "/output", "/var", "/run", "/etc/shadow", "/tmp/canary"):
    try:
        print(
            f"BROKE list {place} {os.listdir(place) if os.path.isdir(place) else open(place).read(9)}",
            flush=True,
        )
    except OSError as error:
        print(f"HELD list {place} {error.strerror}", flush=True)
for place in ("/tmp/left", "/output/submission.csv", "/output/left", "/data/left", "/app/left", "/dev/left"):
    try:
        open(place, "w").write("x")
        print(f"BROKE write {place}", flush=True)
    except OSError as error:
        print(f"HELD write {place} {error.strerror}", flush=True)
