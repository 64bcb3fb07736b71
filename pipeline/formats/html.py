"""`.html`: one file, one page, handed on as bytes; a file without any tag is text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.decode import decode, looks_like_html, read_all
from pipeline.records import RawDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

ENDINGS = (".html", ".htm")

_TAG = re.compile(rb"<[a-zA-Z!/]")


def read_html(stream: BinaryIO, path: str, *, given: Mapping[str, str], max_document_bytes: int) -> Iterator[RawDocument]:
    """The one document of an HTML file.

    Raises:
        SourceError: empty, too long, or neither a page nor text.
    """
    content = read_all(stream, max_document_bytes)
    # Bytes with NUL that do not begin like a page are junk (or UTF-16): `decode` tells which.
    if looks_like_html(content) or (_TAG.search(content) and b"\0" not in content):
        yield RawDocument(path, path, content, "text/html", given)
    else:
        yield RawDocument(path, path, decode(content), "text/plain", given)
