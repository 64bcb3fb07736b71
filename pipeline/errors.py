"""What can go wrong, and what is said about it.

WirecopyError
├── SourceError        a source folder or file cannot be used, or is ambiguous
│   └── RecordError    one record of a file cannot be read; the others can
├── ExtractionError    a document gives no text
├── ParamsError        a parameter or setting is out of range
├── VerdictError       a verdict contradicts another one, or nothing is there to judge
├── WorkerError        a process that does the work has died
└── StoreError         the database cannot be reached, or does not fit
    ├── MissingStoreError  there is none yet: run
    ├── BusyStoreError     another program holds it for too long
    ├── StaleStoreError    it was made with other parameters: refresh
    └── LeaseHeldError     another run is writing

Each message says what to do next; data attributes carry what a program needs.
"""

from __future__ import annotations


class WirecopyError(Exception):
    """The base of all errors that wirecopy raises on purpose."""


class SourceError(WirecopyError):
    """A source cannot be read or is ambiguous.

    Attributes:
        place: the path, or `path#key`, that is meant.
        stage: where it failed: `read`, `decode`, `parse`.
    """

    def __init__(self, message: str, *, place: str = "", stage: str = "read") -> None:
        super().__init__(message)
        self.place = place
        self.stage = stage


class RecordError(SourceError):
    """One record of a file cannot be read; the others can."""


class ExtractionError(WirecopyError):
    """A document was read but gives no text that could be an article."""


class ParamsError(WirecopyError):
    """A parameter or setting is out of its range."""


class VerdictError(WirecopyError):
    """A verdict contradicts another one, or there is nothing to judge."""


class WorkerError(WirecopyError):
    """A process that does the work has died."""


class StoreError(WirecopyError):
    """The database cannot be reached, or does not fit what is asked of it."""


class MissingStoreError(StoreError):
    """There is no database yet."""


class BusyStoreError(StoreError):
    """Another program holds the database for too long."""


class StaleStoreError(StoreError):
    """The database was made with other parameters than those in force.

    Attributes:
        stage: the first stage that differs: `sketch`, `match` or `cluster`.
    """

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class LeaseHeldError(StoreError):
    """Another run holds the right to write.

    Attributes:
        holder: who, as `host:pid`.
    """

    def __init__(self, message: str, *, holder: str) -> None:
        super().__init__(message)
        self.holder = holder
