"""Everything that can go wrong while a publisher is asked.

IngestError
├── SourceMissing
│   └── QueryWrong          what is asked for cannot be asked: a mistake of the caller
├── SourceRefused
│   └── AnswerRefused       the publisher's answer is not what it documents
└── FetchFailed             the publisher gave nothing; it may be better later
    ├── KeyRefused          it does not take our key, or wants one
    ├── QuotaExhausted      our calls are used up for a while
    └── PagesShifted        its data changed each time while we read it

Each message names the dataset and the publisher's host, what happened, and the next step.
"""

from ingest.errors import IngestError, SourceMissing, SourceRefused


class QueryWrong(SourceMissing):
    """Raised when a query cannot be asked as it stands, before anything is sent."""


class AnswerRefused(SourceRefused):
    """Raised when an answer is not laid out as its publisher documents it."""


class FetchFailed(IngestError):
    """Raised when a publisher cannot be reached, keeps failing or has no such file."""


class KeyRefused(FetchFailed):
    """Raised when a publisher refuses our key or wants one; asking again does not help."""


class QuotaExhausted(FetchFailed):
    """Raised when the calls of our key are used up; the message says until when."""


class PagesShifted(FetchFailed):
    """Raised when a publisher's data changed each time that it was read in several calls."""


class TryAgain(Exception):
    """Raised by whoever takes an answer when it is worth asking again; ``wait`` in seconds.

    It never leaves this package: when no attempt is left it becomes a FetchFailed.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
