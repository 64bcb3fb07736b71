"""A binary stream -> documents, one module a format, a registry by ending.

To add a format: write a module with `ENDINGS` and a reader, and a line in
`FORMATS`. A reader yields documents, yields a `BadDocument` for what is broken
in part, and raises `SourceError` where nothing more can be read.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from pipeline.errors import SourceError
from pipeline.formats import html, jsonl, text
from pipeline.formats.jsonl import SourceWarning
from pipeline.records import BadDocument, RawDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

__all__ = ["FORMATS", "Format", "SourceWarning", "format_of", "read"]


class Reader(Protocol):
    """Reads the documents of one file."""

    def __call__(
        self, stream: BinaryIO, path: str, *, given: Mapping[str, str], max_document_bytes: int
    ) -> Iterator[RawDocument | BadDocument]:
        """The documents, one after the other; at most `max_document_bytes` are held at a time."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Attributes:
        endings: with their dot, in lower case; each also with `.gz`.
        is_container: it holds many documents, so its size says nothing of theirs.
    """

    name: str
    endings: tuple[str, ...]
    is_container: bool
    reader: Reader


FORMATS = (
    Format("text", text.ENDINGS, is_container=False, reader=text.read_text),
    Format("html", html.ENDINGS, is_container=False, reader=html.read_html),
    Format("jsonl", jsonl.ENDINGS, is_container=True, reader=jsonl.read_jsonl),
)

_BY_ENDING = {ending: kind for kind in FORMATS for ending in kind.endings}


def format_of(name: str) -> Format | None:
    """The format that a file's ending names, if it is a registered one."""
    name = name.lower().removesuffix(".gz")
    dot = name.rfind(".")
    return _BY_ENDING.get(name[dot:]) if dot >= 0 else None


def read(
    stream: BinaryIO, path: str, *, given: Mapping[str, str], max_document_bytes: int
) -> Iterator[RawDocument | BadDocument]:
    """The documents of one file, as they are read.

    Args:
        stream: its bytes, compressed where the ending says `.gz`.
        path: below the origin, with `/`; its ending decides the format.
        given: metadata of the file: any of title, author, url, published, source, language, timezone.
        max_document_bytes: a longer document (decompressed), or a longer line of a container, is bad.

    Raises:
        SourceError: the ending names no format.
    """
    kind = format_of(path)
    if kind is None:
        endings = ", ".join(sorted(_BY_ENDING))
        raise SourceError(f"{path}: no format for this ending; there are {endings}, each also with .gz", place=path)
    if path.lower().endswith(".gz"):
        stream = cast("BinaryIO", gzip.GzipFile(fileobj=stream, mode="rb"))
    try:
        yield from kind.reader(stream, path, given=given, max_document_bytes=max_document_bytes)
    except SourceError as error:
        yield BadDocument(path, path, error.stage, type(error).__name__, str(error))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"not all of it could be decompressed: {error or 'the file ends too early'}"
        yield BadDocument(path, path, "decode", type(error).__name__, message)
