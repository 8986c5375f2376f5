"""Podium from Python: ask a running service to solve competitions, follow the jobs, and take what they made.

async with podium.Client("http://127.0.0.1:8080") as client:
job_id = await client.run("https://www.kaggle.com/competitions/titanic")
job = await client.wait(job_id)
submission = await client.download(job, "submission.csv")
"""

from podium.client import Client
from podium.errors import PodiumError, StackError, UsageError

__all__ = ["Client", "PodiumError", "StackError", "UsageError"]
