"""What can go wrong while the log is copied, put back or archived.

ArchivistError
└── NotEmptyError   the place to restore into holds something already
"""

from __future__ import annotations


class ArchivistError(Exception):
    """It was not done, or not to the end; the message is for an operator and says what is left of it."""


class NotEmptyError(ArchivistError):
    """There is something where nothing may be; nothing was changed."""
