"""`.jsonl`: one record a line, read line by line: a file of any size needs the memory of one record.

Fields: text (required), id, source, published, title, url, author, language. A
record that cannot be read is a `BadDocument` named `path#line`; the others go in.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from pipeline.errors import RecordError, SourceError
from pipeline.formats.decode import storable
from pipeline.records import BadDocument, RawDocument, hash63

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

ENDINGS = (".jsonl", ".ndjson")
FIELDS = ("title", "author", "url", "published", "source", "language")

_SKIP_BYTES = 65_536


class SourceWarning(UserWarning):
    """Something about a source that its owner should know; its documents go in all the same."""


def read_jsonl(
    stream: BinaryIO, path: str, *, given: Mapping[str, str], max_document_bytes: int
) -> Iterator[RawDocument | BadDocument]:
    """The records of a file; `given` holds where a record says nothing itself.

    Raises:
        SourceError: the file is not lines of JSON at all.
    """
    # 63-bit hashes, not the keys: a file of millions of records must fit.
    seen: set[int] = set()
    records = numbered = 0
    for number, line in _lines(stream, max_document_bytes):
        if number == 1 and line is not None and b"\0" in line:
            raise SourceError("not lines of JSON in UTF-8: holds NUL bytes (UTF-16 or binary); save it as UTF-8", stage="decode")
        if line is not None and not line.strip():
            continue
        records += 1
        try:
            record = _parse(line, max_document_bytes)
            key = _key(record)
            numbered += key is None
            if key is None and numbered == 1:
                message = f"{path}: line {number} has neither id nor url; its line number is its key and must not change"
                warnings.warn(message, SourceWarning, stacklevel=2)
            yield _document(record, key or str(number), path, given, seen)
        except RecordError as error:
            yield BadDocument(f"{path}#{number}", path, error.stage, type(error).__name__, str(error))
    if not records:
        raise SourceError("the file holds no record")


def _lines(stream: BinaryIO, max_document_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long, whose rest is read past in small pieces."""
    number = 0
    while line := stream.readline(max_document_bytes + 1):
        number += 1
        if len(line) <= max_document_bytes or line.endswith(b"\n"):
            yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            continue
        while (rest := stream.readline(_SKIP_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield number, None


def _parse(line: bytes | None, max_document_bytes: int) -> dict[str, Any]:
    """The record of a line that has text.

    Raises:
        RecordError: the line gives no such record.
    """
    if line is None:
        message = f"the record is over max_document_bytes ({max_document_bytes:,}); raise that setting to take it in"
        raise RecordError(message, stage="read")
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8 ({error.reason} at byte {error.start})", stage="decode") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}", stage="parse") from error
    if not isinstance(record, dict):
        raise RecordError(f"a JSON {type(record).__name__}, not an object with a field `text`", stage="parse")
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise RecordError("no text: the field `text` is missing or empty", stage="parse")
    return record


def _key(record: Mapping[str, Any]) -> str | None:
    """The record's id, else its url."""
    return _written(record.get("id")) or _written(record.get("url"))


def _document(record: Mapping[str, Any], key: str, path: str, given: Mapping[str, str], seen: set[int]) -> RawDocument:
    """The record as a document.

    Raises:
        RecordError: an earlier record of the file has its key.
    """
    mark = hash63(key)
    if mark in seen:
        raise RecordError(f"an earlier record of this file has the key {key!r} too; give each its own id", stage="parse")
    seen.add(mark)
    fields = {name: value for name in FIELDS if (value := _written(record.get(name)))}
    return RawDocument(f"{path}#{key}", path, storable(record["text"]), "text/plain", {**given, **fields})


def _written(value: object) -> str | None:
    """A field's value as text; a number (an id) as it is written, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    try:
        return storable(str(value)).strip() or None
    except ValueError:  # an integer of more digits than Python prints
        return None
