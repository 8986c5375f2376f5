"""An agent that tells its secrets everywhere it can, and a search of everything that a broker has stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nats.js.api import AckPolicy, ConsumerConfig

if TYPE_CHECKING:
    from nats.aio.client import Client

CANARY: Final = "canary-5f1c0ffee-of-a-key"

TELLING: Final = """
key = os.environ["ANTHROPIC_API_KEY"]
assert len(key) > 20
print("out", key, flush=True)
print("err", key, dict(os.environ), file=sys.stderr, flush=True)
say("stage_started", stage="training")
say("stage_progressed", stage="training", fraction=0.5, message="with " + key)
say("model_evaluated", model=key, metric="rmse", maximize=False, score=0.5, fold_scores=[0.5])
say("stage_completed", stage="training", summary=key)
(output / "report.html").write_text(f"<p>{key}</p>")
(output / "plan.json").write_text("{}")
print("told", flush=True)
succeed("report.html", "plan.json", key)
"""


async def all_stored(connection: Client) -> dict[str, bytes]:
    """All messages of every stream, headers too, as one text each."""
    js = connection.jetstream()
    found = {}
    for stream in await js.streams_info():
        name, messages = stream.config.name, []
        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        reading = await js.pull_subscribe("", stream=name, config=config)
        left = stream.state.messages
        while left:
            fetched = await reading.fetch(min(left, 500), timeout=5)
            left -= len(fetched)
            messages += [b"%s %r %s" % (one.subject.encode(), one.headers, one.data) for one in fetched]
        await reading.unsubscribe()
        assert name is not None
        found[name] = b"\n".join(messages)
    return found
