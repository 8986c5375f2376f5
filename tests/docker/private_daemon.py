"""A Docker daemon of a test's own, with one small image in it, that may be stopped and started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.docker.conftest import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE: Final = "scripted:test"
ANSWER_S: Final = 60.0

PACK: Final = """
import encodings.ascii, encodings.latin_1, json, os, pathlib, re, signal, subprocess, sys, tarfile, time
mapped = set(re.findall(r"/\\S+$", pathlib.Path("/proc/self/maps").read_text(), re.MULTILINE))
links = (link for path in mapped for link in pathlib.Path(path).parent.glob("*.so*"))
mapped |= {str(link) for link in links if str(link.resolve()) in mapped}
loaded = {getattr(module, "__file__", None) or "" for module in sys.modules.values()}
loaders = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/etc/ld.so.cache", sys.executable}
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", dereference=True) as archive:
    for path in sorted(filter(os.path.isfile, mapped | loaded | loaders)):
        archive.add(path)
    for name, mode, owner in (("output", 0o755, 10001), ("tmp", 0o1777, 0)):
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, mode, owner, owner
        archive.addfile(folder)
"""
"""Writes a file system of just what a scripted agent loads: a few megabytes."""


class PrivateDaemon:
    """A daemon whose every file, process and socket is in or of `folder`."""

    def __init__(self, folder: Path, *, live_restore: bool) -> None:
        self.url = f"unix://{folder}/docker.sock"
        self._folder = folder
        self._config = folder / "daemon.json"
        self._config.write_text(json.dumps({"live-restore": live_restore}))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        folder = self._folder
        with (folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # In a network of its own: a daemon that makes no bridge removes the one that it finds.
                    *("unshare", "--net", "dockerd"),
                    *("--config-file", str(self._config), "--host", self.url),
                    *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                    *("--pidfile", str(folder / "pid"), "--bridge", "none", "--iptables=false"),
                    *("--ip-forward=false", "--ip-masq=false"),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + ANSWER_S
        while self._docker("version", check=False).returncode:
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, as a service's restart does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(ANSWER_S)
            self._process = None

    def load(self, base: str) -> None:
        """Make `IMAGE` here, of what the other daemon has in `base`."""
        python = ["--network=none", "--entrypoint=python3", base, "-I", "-S", "-c"]
        packed = subprocess.run(["docker", "run", "--rm", *python, PACK], check=True, capture_output=True)
        entry = "import sys; print(sys.executable)"
        found = subprocess.run(["docker", "run", "--rm", *python, entry], check=True, capture_output=True)
        command = [found.stdout.decode().strip(), "-I", "-S", "/data/agent.py"]
        changes = [f"--change=ENTRYPOINT {json.dumps(command)}", "--change=USER 10001:10001"]
        self._docker("import", *changes, "-", IMAGE, given=packed.stdout)

    def left(self) -> list[str]:
        """Containers and volumes that are there."""
        containers = self._docker("ps", "-aq").stdout.split()
        return [name.decode() for name in containers + self._docker("volume", "ls", "-q").stdout.split()]

    def log(self) -> str:
        """The end of what it has said."""
        return (self._folder / "dockerd.log").read_text(errors="replace")[-5000:]

    def end(self) -> None:
        """Stop it with all that runs in it, and undo its mounts."""
        with contextlib.suppress(AssertionError, subprocess.SubprocessError):
            if self._process is None:
                self.start()
            if running := [name.decode() for name in self._docker("ps", "-aq").stdout.split()]:
                self._docker("rm", "-f", *running)
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(ANSWER_S)
            self._process.kill()
            self._process.wait()
        # What keeps a container without its daemon, and containerd, name the folder in their commands.
        for pid in self._kept():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if mount.startswith(f"{self._folder}/")]):
            subprocess.run(["umount", "-l", mount], check=True)

    def _kept(self) -> list[int]:
        found = []
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self._folder}/exec/".encode() in command.read_bytes():
                    found.append(int(command.parent.name))
        return found

    def _docker(
        self, *words: str, given: bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["docker", "--host", self.url, *words], input=given, check=check, capture_output=True
        )


@contextmanager
def private_daemon(base: str, *, live_restore: bool) -> Iterator[PrivateDaemon]:
    """A daemon that runs and has `IMAGE`; gone with all that was in it at the end."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        absent("a daemon of one's own takes root, and dockerd")
    # A socket's path may have no more than 107 bytes: tmp_path is too long.
    folder = Path(tempfile.mkdtemp(prefix="dockerd-"))
    daemon = PrivateDaemon(folder, live_restore=live_restore)
    try:
        daemon.start()
        daemon.load(base)
        yield daemon
    finally:
        daemon.end()
        shutil.rmtree(folder)
