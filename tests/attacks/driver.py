"""Runs one attack where the agent would run a solution, and says as JSON what came of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from agent import child
from agent.__main__ import hide_environment
from agent.processes import descendants
from agent.scratch import scratch_for
from agent.zone import model_code_refusal, place_here


def main() -> None:
    hide_environment()
    attack, seconds = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    results = Path(tempfile.mkdtemp(dir=os.environ["PODIUM_WORK_DIR"]))
    (Path(os.environ["PODIUM_OUTPUT_DIR"]) / "secret.txt").write_text("canary-of-a-file")
    heard: list[str | None] = []
    place = place_here(os.environ)
    began = time.monotonic()
    with scratch_for(results) as folder:
        ended = child.run(
            [str(attack), "--output", str(folder)],
            folder=folder,
            environment=child.bare_environment(os.environ, 2),
            bwrap=place.bwrap,
            timeout_s=seconds,
            hear=heard.append,
            readable=(attack.parent,),
        )
    said = {
        "lines": [line for line in heard if line is not None],
        "seconds": time.monotonic() - began,
        "exit_code": ended.exit_code,
        "overran": ended.overran,
        "granted": ended.granted,
        "trouble": place.trouble,
        "refusal": model_code_refusal(os.environ),
        "error_tail": child.clean(ended.error_tail.encode()),
        "files": sorted(
            os.fsdecode(path.name).encode(errors="replace").decode() for path in results.iterdir()
        ),
        "left": [str(path) for path in Path(tempfile.gettempdir()).glob("script-*")],
        "running": descendants(),
    }
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
