"""What can be wrong with a competition: the agent's errors, each with a stable reason.

    CompetitionError (reason, message, retryable)
     +- FilesError     a table is absent, cannot be told from others, or cannot be read
     |    reasons: data_dir_missing, train_missing, test_missing, sample_missing, table_unreadable,
     |             table_empty
     +- RolesError     the tables are there, but what is asked does not follow from them
          reasons: target_not_found, target_empty, ids_mismatch

None of them can fare better in another attempt: the same files would be read again.
"""

from __future__ import annotations


class CompetitionError(Exception):
    """The competition cannot be solved as it stands.

    `reason` is a short stable code for programs; `message` tells a person what is wrong, in a sentence;
    `retryable` says whether the same attempt could fare better later.
    """

    def __init__(self, reason: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.retryable = retryable


class FilesError(CompetitionError):
    """The competition's tables are not all there, or not readable."""


class RolesError(CompetitionError):
    """The tables do not say which columns are ids and which are to be predicted."""
