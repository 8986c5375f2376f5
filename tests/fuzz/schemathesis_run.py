"""One run of Schemathesis over the gateway's own OpenAPI document, with every check that it has."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.world import PEERS, WEBHOOK

if TYPE_CHECKING:
    from tests.fuzz.world import World

ROOT = Path(__file__).parents[2]

CONFIG = """
hooks = "tests.fuzz.hooks"
request-timeout = 5.0
request-retries = 4
max-stream-events = 20
continue-on-failure = true

[checks]
enabled = true

[dictionaries.jobs]
values = {jobs}

[dictionaries.done]
values = {done}

[dictionaries.parts]
values = ["board.js", "index.html"]

[dictionaries.webhooks]
values = [{webhook}]

[dictionaries.files]
values = ["submission.csv"]

[dictionaries.schemas]
values = ["JobRequested.json", "JobFailed.json"]

[dictionaries.competitions]
values = ["https://www.kaggle.com/competitions/titanic", "https://www.kaggle.com/c/otto"]

[parameters]
"path.job_id" = {{ dictionary = "jobs", probability = 0.7 }}
"body.kaggle_url" = {{ dictionary = "competitions", probability = 0.7 }}

# An event stream goes on: it is read for so long, in seconds.
[[operations]]
include-path-regex = "/(events|logs)$"
request-timeout = 0.2

# Which bytes a file has no schema can say: 416 is the right answer to a range of others.
[[operations]]
include-path = "/jobs/{{job_id}}/files/{{name}}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 416, 429, "5xx"]
[operations.parameters]
"path.job_id" = {{ dictionary = "done", probability = 0.8 }}
"path.name" = {{ dictionary = "files", probability = 0.8 }}

[[operations]]
include-path = "/jobs/{{job_id}}/webhooks/{{webhook_id}}/redeliver"
[operations.parameters]
"path.job_id" = {{ dictionary = "done", probability = 0.8 }}
"path.webhook_id" = {{ dictionary = "webhooks", probability = 0.8 }}

# To ask for the end of a job is not to delete it: what became of it can be read for ever.
[[operations]]
include-path-regex = "^/(jobs|status)/"
include-method = "GET"
checks.use_after_free.enabled = false

[[operations]]
include-path = "/page/{{name}}"
parameters = {{ "path.name" = {{ dictionary = "parts", probability = 0.7 }} }}

[[operations]]
include-path = "/schemas/{{name}}"
parameters = {{ "path.name" = {{ dictionary = "schemas", probability = 0.7 }} }}

[auth.wfc]
path = {auth}
peers = {peers}
"""


async def fuzz(world: World, folder: Path, *options: str) -> tuple[int, str]:
    """The exit code (0: nothing found) and what it printed; `folder` gets its files."""
    auth = folder / "auth.json"
    auth.write_text(json.dumps({"auth": [_user(name, token) for name, token in world.tokens.items()]}))
    config = folder / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            jobs=json.dumps([job for jobs in world.jobs.values() for job in jobs]),
            done=json.dumps([jobs[-1] for jobs in world.jobs.values()]),
            webhook=json.dumps(WEBHOOK),
            auth=json.dumps(str(auth)),
            peers=json.dumps(PEERS),
        )
    )
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
        *(f"{world.url}/schema", "--no-color", "--generation-database=none", *options),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, printed.decode()


def _user(name: str, token: str) -> dict[str, object]:
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
