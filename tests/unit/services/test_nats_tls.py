"""The files of certificates are looked at before anything is connected to."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from services import nats_tls
from services.broker import servers_of
from services.environment import Environment, SettingError

if TYPE_CHECKING:
    from pathlib import Path


def test_without_files_there_is_nothing_to_add() -> None:
    assert nats_tls.read(Environment({})) is None


@pytest.mark.parametrize("alone", ["PODIUM_NATS_CERT_FILE", "PODIUM_NATS_KEY_FILE"])
def test_a_certificate_without_its_key_is_no_setting(tmp_path: Path, alone: str) -> None:
    with pytest.raises(SettingError, match="should be set together"):
        nats_tls.read(Environment({alone: str(tmp_path / "file")}))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingError, match=r"^PODIUM_NATS_CA_FILE should name certificates: .*/ca\.crt"):
        nats_tls.read(Environment({"PODIUM_NATS_CA_FILE": str(file)}))


def test_a_pair_that_is_none_is_named(tmp_path: Path) -> None:
    files = {"PODIUM_NATS_CERT_FILE": "own.crt", "PODIUM_NATS_KEY_FILE": "own.key"}
    variables = {name: str(tmp_path / file) for name, file in files.items()}
    with pytest.raises(SettingError, match=r"^PODIUM_NATS_CERT_FILE and PODIUM_NATS_KEY_FILE should name"):
        nats_tls.read(Environment(variables))


def test_a_servers_certificate_and_name_are_checked() -> None:
    context = nats_tls.NatsTls().context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_several_servers_have_commas_between_them() -> None:
    assert servers_of("tls://a:1, tls://b:2,") == ["tls://a:1", "tls://b:2"]
