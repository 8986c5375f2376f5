"""Which certificates a connection to NATS is made with: the settings that services and command line share."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from services.environment import SettingError

if TYPE_CHECKING:
    from services.environment import Environment

_CA = "PODIUM_NATS_CA_FILE"
_CERT = "PODIUM_NATS_CERT_FILE"
_KEY = "PODIUM_NATS_KEY_FILE"


class NatsTls(msgspec.Struct, frozen=True, kw_only=True):
    """Files in PEM: whose certificates are believed (None: the system's list), and what this side shows."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What `nats.connect` takes.

        Raises:
            SettingError: a file cannot be read, or does not hold what it should.
        """
        try:
            made = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # an SSLError is one
            raise SettingError(f"{_CA} should name certificates: {self.ca_file}: {error}") from None
        if self.cert_file is not None:
            try:
                made.load_cert_chain(self.cert_file, self.key_file)
            except OSError as error:
                files = f"{self.cert_file} and {self.key_file}"
                raise SettingError(
                    f"{_CERT} and {_KEY} should name a certificate and its key: {files}: {error}"
                ) from None
        return made


def read(environment: Environment) -> NatsTls | None:
    """The settings in the environment; None where there are none, and this system's list of CAs counts.

    Raises:
        SettingError: one of them is missing or wrong.
    """
    ca_file, cert_file, key_file = (environment.path(name) for name in (_CA, _CERT, _KEY))
    if (cert_file is None) != (key_file is None):
        raise SettingError(f"{_CERT} and {_KEY} should be set together")
    if ca_file is None and cert_file is None:
        return None
    tls = NatsTls(ca_file=ca_file, cert_file=cert_file, key_file=key_file)
    tls.context()
    return tls
