"""The agent's image by its content, so that one built from other sources is never taken for this one.

``python3 -m cli.embedded.image`` prints the name; the build tags it so.  Standard library only: it runs
before anything is installed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def agent_image(root: Path = ROOT) -> str:
    """``podium-agent:<digest>``, of all that the image is built from."""
    paths = [
        *sorted((root / "agent").rglob("*.py")),
        root / "events" / "__init__.py",
        root / "events" / "progress.py",
        root / "requirements" / "agent.txt",
        root / "deploy" / "agent.Dockerfile",
        root / "deploy" / "base.Dockerfile",
    ]
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return f"podium-agent:{digest.hexdigest()[:12]}"


if __name__ == "__main__":
    print(agent_image())
