# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""The files that a job made."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import structlog
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter

from services.artifacts import ArtifactError
from services.gateway.file_headers import content_type, headers_of, is_known
from services.gateway.lookup import checked_id, find_job
from services.gateway.parts import GivenParts
from services.gateway.problems import Problem, documented, unavailable

_log = structlog.get_logger(__name__)


@get(
    "/jobs/{job_id:str}/files/{name:str}",
    summary="Fetch a file",
    media_type="application/octet-stream",
    responses={
        HTTPStatus.NOT_MODIFIED: ResponseSpec(data_container=None, description="You have it already."),
        **documented(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def file(
    job_id: FromPath[str],
    name: FromPath[str],
    parts: GivenParts,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> Response[bytes]:
    """An artifact of the job's successful attempt, byte for byte."""
    job = await find_job(checked_id(job_id), parts)
    artifacts = {artifact.name: artifact for artifact in (job.result.artifacts if job.result else ())}
    if name not in artifacts:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-file", "The job has left no such file.")
    artifact = artifacts[name]
    headers = headers_of(artifact)
    if is_known(artifact, if_none_match):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        data = await parts.link.fetch(artifact)
    except ArtifactError as error:
        _log.error("artifact_unreadable", name=name, error=str(error))
        raise unavailable("The file cannot be read from the store now.") from error
    return Response(data, media_type=content_type(name), headers=headers)
