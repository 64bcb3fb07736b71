"""From bytes to text: encodings, HTML by its looks, and reading no more than is allowed.

In: bytes, or a stream of them. Out: text whose offsets hold, or a `SourceError`
that says why there is none.
"""

from __future__ import annotations

import codecs
import itertools
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
_DETECTOR_BYTES = 16_384
"""What a detector needs to see at most; more costs time and decides nothing."""

_MAX_CONTROL_SHARE = 0.01
"""Text has next to none; bytes of a picture read as Latin-1 have one in four."""

_MAX_MESS = 0.1
_MIN_COHERENCE = 0.2
"""What charset-normalizer says of a text whose letters come as often as in a language it knows; noise has 0."""

_SINGLE_BYTE = (*("cp1251", "cp1253", "cp1255", "cp1256", "cp874", "koi8_r", "koi8_u", "iso8859_5", "iso8859_7"),)
"""What news is kept in. No code pages of DOS or the old Macintosh: they read any bytes as letters."""

_ANY_CODE_PAGE = frozenset("\u2026\u2018\u2019\u201c\u201d\u2022\u2013\u2014\xa0\xa9\xab\xbb\xae\xb0\xb7")
"""What cp1250 to cp1258 all have at the same byte."""

_WESTERN_SIGNS = _ANY_CODE_PAGE | frozenset("\u20ac\u2122\xa3\xa7\xb1\xbc\xbd\xbe\xba\xaa\xa1\xbf\xad\xb4")
_WESTERN_LETTERS = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜœŒšŠžŽ")
"""Without the Icelandic ones, at whose bytes Turkish has its own."""

_WESTERN_WORDS = frozenset(
    {
        "the",
        "and",
        "that",
        "with",
        "for",
        "was",
        "from",
        "have",
        "les",
        "des",
        "une",
        "que",
        "dans",
        "pour",
        "est",
        "qui",
        "der",
        "die",
        "und",
        "das",
        "ist",
        "nicht",
        "mit",
        "ein",
        "eine",
        "los",
        "las",
        "una",
        "por",
        "para",
        "del",
        "che",
        "per",
        "della",
        "sono",
        "não",
        "uma",
        "com",
        "het",
        "een",
        "voor",
        "och",
        "att",
        "det",
        "är",
        "og",
        "til",
        "ikke",
        "el",
        "le",
        "pas",
        "aux",
        "son",
        "sur",
        "était",
        "säger",
        "som",
        "den",
        "över",
        "inte",
        "dijo",
    }
)
"""Frequent words of Western European languages that the others written in Latin letters seldom have."""

_MIN_WESTERN_WORDS = 0.06
_WORD = re.compile(r"[^\W\d_]+")
_HIGH_WORD = re.compile(r"[^\W\d_]*[^\W\d_a-zA-Z][^\W\d_]*")
_INSIDE_WORD = re.compile(
    "(?<=[^\\W\\d_])[\x80-\xa9\xab-\xac\xae-\xb6\xb8\xb9\xbb-\xbf\u201a\u201c\u201d\u201e\u2020\u2021\u02c6\u2030\u2039\u203a\u2022\u02dc\u2122\u20ac\xd7\xf7\xb2\xb3\u02c7\u02d8\u02d9\u02db\u02dd\u2500-\u25a0](?=[^\\W\\d_])"
)
"""A sign that no language writes between two letters: a letter of another code page."""

_MAX_ODD_SHARE = 0.05
_RIVAL_MESS = 0.05
_RIVAL_COHERENCE = 0.15
_MIN_ASIAN = 10
_MIN_FOREIGN = 0.5
_LATIN = tuple(
    (codecs_of, frozenset(letters + letters.upper()) - {"I"}, frozenset(words.split(" ")))
    for codecs_of, letters, words in (
        (("cp1250", "iso8859_2"), "ąćęłńóśźż", "się że jest nie na do przez oraz jak co za od po przy został będzie z w i"),
        (("cp1250", "iso8859_2"), "áčďéěíňóřšťúůýž", "se že je na do pro jako který jsou ale po za to by od a v si"),
        (("cp1250", "iso8859_2"), "áéíóöőúüű", "a az és hogy nem egy is meg ez volt mert még ki"),
        (("cp1254", "iso8859_9"), "çğıöşüâîûİ", "ve bir bu da de için ile olarak çok daha ne çünkü kadar hâlâ"),
        (("cp1257",), "ąčęėįšųūž", "ir kad bus yra iki už su dar tai kas kaip nuo per po buvo"),
    )
)
"""For other languages in Latin letters: encodings, letters beyond ASCII, and frequent words."""
_MIN_LATIN_WORDS = 0.08
_MIN_LATIN_LETTERS = 3


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
    """The text in the encoding that can be told from its bytes."""
    western = _strictly(content, "cp1252")
    if western is not None and _is_western(western):
        return western
    text = _asian(content)
    if text is None:
        text = _latin(content)
    if text is not None:
        return text
    from charset_normalizer import from_bytes  # slow to load, seldom needed

    sample = _sample(content)
    found = [
        (match, text)
        for match in from_bytes(sample, chunk_size=len(sample), cp_isolation=list(_SINGLE_BYTE))
        if match.chaos <= _MAX_MESS
        and match.coherence >= _MIN_COHERENCE
        and (text := _strictly(content, match.encoding)) is not None
        and _odd_share(text) <= _MAX_ODD_SHARE
        and _is_foreign(text)
    ]
    if not found:
        return None
    best, text = found[0]
    for rival, other in found[1:]:
        near = rival.chaos <= best.chaos + _RIVAL_MESS and rival.coherence >= best.coherence - _RIVAL_COHERENCE
        if near and other != text:
            return None
    return text


def _asian(content: bytes) -> str | None:
    """The text in the one multi-byte encoding in which it has the signs that its language uses most."""
    found = []
    for encoding in ("cp949", "cp932", "euc_jp", "gb18030", "big5"):
        text = _strictly(content, encoding)
        if text is None:
            continue
        letters = [char for char in text if char > "\x7f" and char.isalpha()]
        kana = sum("\u3041" <= char <= "\u30ff" for char in letters)
        hangul = sum("\uac00" <= char <= "\ud7a3" and len(char.encode("euc_kr")) == 2 for char in letters)
        han = [char for char in letters if "\u4e00" <= char <= "\u9fff"]
        if len(letters) < _MIN_ASIAN or kana + hangul + len(han) < 0.9 * len(letters):
            continue
        if encoding == "cp949":
            if hangul >= 0.9 * len(letters):
                return text
        elif encoding in {"cp932", "euc_jp"}:
            if kana >= 0.2 * len(letters):
                found.append(text)
        elif kana <= 0.02 * len(letters) and _common(han, encoding) >= 0.85 * len(letters):
            found.append(text)
    return found[0] if len(found) == 1 else None


def _latin(content: bytes) -> str | None:
    """The text in the one encoding in which all letters are of a language whose words it has."""
    found = set()
    for encodings, letters, known in _LATIN:
        for encoding in encodings:
            text = _strictly(content, encoding)
            if text is None or _odd_share(text) > 0:
                continue
            high = {char for char in text if char > "\x7f"}
            words = _WORD.findall(text)
            share = sum(word.lower() in known for word in words) / max(1, len(words))
            own = len(high & letters)
            if high <= letters | _ANY_CODE_PAGE | {"\u201e"} and own >= _MIN_LATIN_LETTERS and share >= _MIN_LATIN_WORDS:
                found.add(text)
    return found.pop() if len(found) == 1 else None


def _is_foreign(text: str) -> bool:
    """Whether most letters are of another alphabet than the Latin."""
    letters = [char for char in text if char.isalpha()]
    return sum(char >= "\u0370" for char in letters) > _MIN_FOREIGN * len(letters)


def _common(han: list[str], encoding: str) -> int:
    """How many are of the few thousand frequent characters, which both standards put first."""
    first, last = (b"\xb0\xa1", b"\xd7\xfe") if encoding == "gb18030" else (b"\xa4\x40", b"\xc6\x7e")
    codes = [char.encode(encoding) for char in han]
    return sum(first <= code <= last and len(code) == 2 and (encoding == "big5" or code[1] > 0xA0) for code in codes)


def _sample(content: bytes) -> bytes:
    """The beginning of the content, to the end of a line where it has any."""
    if len(content) <= _DETECTOR_BYTES:
        return content
    return content[: content.rfind(b"\n", 0, _DETECTOR_BYTES) + 1] or content[:_DETECTOR_BYTES]


def _is_western(text: str) -> bool:
    """Whether a text read as cp1252 has nothing that another code page would have put there."""
    high = {char for char in text if char > "\x7f"}
    if text.count("\u201e") > text.count("\u201c") + text.count("\u201d"):
        return False  # a letter, in the code pages of DOS
    if not high <= _WESTERN_SIGNS | _WESTERN_LETTERS | {"\u201e"} or _odd_share(text) > 0:
        return False
    words = _WORD.findall(text)
    if any(_is_odd_alone(word) for word in words):
        return False
    if any(sum(char > "\x7f" for char in word) > max(2, len(word) // 2) for word in _HIGH_WORD.findall(text)):
        return False
    known = sum(word.lower() in _WESTERN_WORDS for word in words)
    return known > 1 and known >= _MIN_WESTERN_WORDS * len(words)


def _odd_share(text: str) -> float:
    """How many signs stand inside words and capitals after small letters, for each word with a letter beyond ASCII."""
    high_words = _HIGH_WORD.findall(text)
    odd = len(_INSIDE_WORD.findall(text)) + sum(_is_odd(word) for word in high_words)
    return odd / max(1, len(high_words))


def _is_odd(word: str) -> bool:
    """Whether the letters beyond ASCII change case, or alphabet, inside the word."""
    if any(char > "\u0370" for char in word) and any(char < "\u0250" for char in word):
        return True
    if not word.isupper() and any("\x7f" < char < "\u0250" and char.isupper() for char in word[1:]):
        return True
    return any(
        before.islower() and after.isupper() and (before > "\x7f" or after > "\x7f") for before, after in itertools.pairwise(word)
    ) or (word[0] > "\x7f" and word[0].isupper() and word[1:2].isupper() and word[2:].islower() and len(word) > 2)


def _is_odd_alone(word: str) -> bool:
    """Whether it is a letter that is no word by itself, but a dash, dots or a bullet in the Macintosh's code page."""
    return len(word) == 1 and word > "\x7f" and (word.isupper() or word == "á")
