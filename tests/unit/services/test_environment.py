"""A secret may come from a file, and no error repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.environment import SECRET, Environment, SettingError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_secret_can_be_the_content_of_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    environment = Environment({f"{name}_FILE": str(tmp_path / "secret")})
    assert environment.optional(name) == environment.text(name) == "s3cret"


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("1")
    assert Environment({"PODIUM_PORT_FILE": str(tmp_path / "port")}).integer("PODIUM_PORT", 8080) == 8080


def test_both_ways_at_once_are_refused_without_telling_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    environment = Environment({"KAGGLE_KEY": "0ther", "KAGGLE_KEY_FILE": str(tmp_path / "secret")})
    with pytest.raises(SettingError, match="KAGGLE_KEY_FILE are both set") as caught:
        environment.optional("KAGGLE_KEY")
    assert not {"s3cret", "0ther"} & set(str(caught.value).split())


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"s3cret\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=why) as caught:
        Environment({"NATS_URL_FILE": str(path)}).text("NATS_URL", "nats://default")
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
