"""From bytes to text: encodings, HTML by its looks, and reading no more than is allowed.

In: bytes, or a stream of them. Out: text whose offsets hold, or a `SourceError`
that says why there is none.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from pipeline.errors import SourceError

if TYPE_CHECKING:
    from typing import BinaryIO

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
# UTF-32 before UTF-16: its little-endian mark begins with the other's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)(?:[\s>]|$)", re.IGNORECASE | re.DOTALL
)
_LOOK_BYTES = 4096
_SAMPLE_BYTES = 65_536
"""What a detector needs to see at most; more costs time and decides nothing."""

_MAX_CONTROL_SHARE = 0.01
"""Text has next to none; bytes of a picture read as Latin-1 have one in four."""

_MAX_MESS = 0.1
_MIN_COHERENCE = 0.2
"""What charset-normalizer says of a text whose letters come as often as in a language it knows; noise has 0."""


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which no SQL database takes, replaced one for one."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def read_all(stream: BinaryIO, max_document_bytes: int) -> bytes:
    """The rest of the stream.

    Raises:
        SourceError: it is longer than allowed; no more than one byte too many was read.
    """
    content = stream.read(max_document_bytes + 1)
    if len(content) > max_document_bytes:
        raise SourceError(f"over max_document_bytes ({max_document_bytes:,}); raise that setting to take it in")
    if not content.strip():
        raise SourceError("the file is empty")
    return content


def decode(content: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 or UTF-32 with a mark, else what a detector is sure of.

    Raises:
        SourceError: binary, or in no encoding that can be told; stage `decode`.
    """
    encoding = _marked_encoding(content)
    if encoding is None and b"\0" in content:
        raise SourceError("binary: holds NUL bytes and is not UTF-16 with a byte order mark", stage="decode")
    text = _strictly(content, encoding or "utf-8")
    if text is None and encoding is None:
        text = _detected(content)
    if text is None:
        raise SourceError("neither UTF-8 nor any encoding that can be told; save it as UTF-8", stage="decode")
    text = text.removeprefix("\ufeff")
    if len(_CONTROLS.findall(text, 0, _SAMPLE_BYTES)) > _MAX_CONTROL_SHARE * min(len(text), _SAMPLE_BYTES):
        raise SourceError("binary: holds control characters", stage="decode")
    if not text.strip():
        raise SourceError("the file is empty")
    return storable(text)


def looks_like_html(content: bytes) -> bool:
    """Whether a document says itself that it is HTML, whatever its ending."""
    encoding = _marked_encoding(content) or "latin-1"
    head = content[:_LOOK_BYTES].decode(encoding, "ignore").removeprefix("\ufeff")
    return _HTML_START.match(head) is not None


def _marked_encoding(content: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)


def _strictly(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _detected(content: bytes) -> str | None:
    """The text in the encoding that a detector is sure of."""
    from charset_normalizer import from_bytes  # slow to load, seldom needed

    best = from_bytes(content[:_SAMPLE_BYTES]).best()
    if best is None or best.chaos > _MAX_MESS or best.coherence < _MIN_COHERENCE:
        return None
    return _strictly(content, best.encoding)
