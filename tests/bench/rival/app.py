"""A job service of FastAPI, SQLAlchemy and Celery on Redis, as their own guides build one.

A request becomes a committed row, unique by its idempotency key, and a task in the queue.
Sources: FastAPI's "SQL (Relational) Databases" and "Security"; Celery's "First Steps" and "Using Redis".
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from celery import Celery
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine(os.environ["RIVAL_DATABASE_URL"], pool_size=32)
queue = Celery("rival", broker=os.environ["RIVAL_REDIS_URL"])
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Key(Base):
    __tablename__ = "keys"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    idempotency_key: Mapped[str] = mapped_column(String(100), unique=True)
    competition: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="queued")
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))


class Request(BaseModel):
    kaggle_url: str


@queue.task
def solve(job_id: str) -> None:
    """Would run the job; here nobody takes it."""


def session() -> Session:
    with Session(engine) as found:
        yield found


@app.post("/run", status_code=202)
def run(
    asked: Request,
    db: Annotated[Session, Depends(session)],
    authorization: Annotated[str, Header()],
    idempotency_key: Annotated[str, Header()],
) -> dict[str, str]:
    if db.get(Key, hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()) is None:
        raise HTTPException(401)
    slug = re.fullmatch(r"https://www\.kaggle\.com/competitions/([a-z0-9-]+)", asked.kaggle_url)
    if slug is None:
        raise HTTPException(422)
    known = db.scalars(select(Job).where(Job.idempotency_key == idempotency_key)).first()
    if known is None:
        known = Job(idempotency_key=idempotency_key, competition=slug[1])
        db.add(known)
        db.commit()
        solve.delay(str(known.id))
    return {"job_id": str(known.id)}


def prepare() -> None:
    """Make the tables, and the keys whose tokens stand in a file, one a line."""
    Base.metadata.create_all(engine)
    with Session(engine) as db, Path(os.environ["RIVAL_TOKENS"]).open() as tokens:
        db.add_all([Key(sha256=hashlib.sha256(line.strip().encode()).hexdigest()) for line in tokens])
        db.commit()


if __name__ == "__main__":
    prepare()
