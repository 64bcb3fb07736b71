"""`.txt`: one file, one document; HTML in disguise is told by its looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.decode import decode, looks_like_html, read_all
from pipeline.records import RawDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

ENDINGS = (".txt", ".text")


def read_text(stream: BinaryIO, path: str, *, given: Mapping[str, str], max_document_bytes: int) -> Iterator[RawDocument]:
    """The one document of a text file.

    Raises:
        SourceError: empty, too long, or no text.
    """
    content = read_all(stream, max_document_bytes)
    if looks_like_html(content):
        yield RawDocument(path, path, content, "text/html", given)
    else:
        yield RawDocument(path, path, decode(content), "text/plain", given)
