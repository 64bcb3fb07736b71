"""Bytes become documents; what is broken becomes one line for the quarantine."""

import gzip
import io
import json
import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.formats import SourceWarning, format_of, read
from pipeline.formats.decode import decode
from pipeline.records import BadDocument, RawDocument

LIMIT = 10_000
GERMAN = "Der Außenminister erklärte am Donnerstag, die Gespräche über die Fähre würden nächste Woche fortgeführt. " * 3
RUSSIAN = "Министерство заявило в четверг, что переговоры о пароме продолжатся на следующей неделе в столице. " * 3


def documents(content, path="a.txt", limit=LIMIT, **given):
    return list(read(io.BytesIO(content), path, given=given, max_document_bytes=limit))


def only(content, path="a.txt", **options):
    (document,) = documents(content, path, **options)
    return document


def lines(*records):
    return b"".join((record if isinstance(record, bytes) else json.dumps(record).encode()) + b"\n" for record in records)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text"),
        ("a.TEXT.gz", "text"),
        ("a.b.htm", "html"),
        ("a.html.GZ", "html"),
        ("a.ndjson", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.gz", None),
        ("a.pdf", None),
        ("txt", None),
        ("a.txt.bak", None),
    ],
)
def test_format_of(name, kind):
    found = format_of(name)
    assert (found and found.name) == kind


def test_unknown_ending_names_the_known_ones():
    with pytest.raises(SourceError, match=r"\.jsonl"):
        documents(b"x", "a.pdf")


def test_text_is_one_document_without_newline_translation():
    document = only("\ufeffOne.\r\nTwo.\r\n".encode(), language="en")
    assert document == RawDocument("a.txt", "a.txt", "One.\r\nTwo.\r\n", "text/plain", {"language": "en"})


@pytest.mark.parametrize(
    ("text", "encoding"), [(GERMAN, "latin-1"), (RUSSIAN, "cp1251"), (RUSSIAN, "utf-16"), (GERMAN, "utf-32")]
)
def test_encodings(text, encoding):
    assert only(text.encode(encoding)).content == text


@settings(max_examples=50)
@given(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(str.strip),
    st.sampled_from(["utf-8-sig", "utf-16"]),
)
def test_decoding_round_trips(text, encoding):
    document = only(text.encode(encoding), "a.txt")
    if isinstance(document, RawDocument) and document.media_type == "text/plain":
        assert document.content == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("content", "stage", "words"),
    [
        (b"", "read", "empty"),
        (b" \n\t ", "read", "empty"),
        ("\ufeff \n".encode(), "read", "empty"),
        (b"text with a \0 in it", "decode", "NUL"),
        (b"\x89PNG\r\n\x1a\n\x01\x02\x03\x04\x05\x06", "decode", ""),
        (b"\x01\x02\x03\x04 and\x05", "decode", "control"),
        (b"\xff\xfea\x00\x00\xd8", "decode", "UTF-8"),
        (bytes(random.Random(1).choices(range(128, 256), k=400)), "decode", "UTF-8"),
        (b"x" * (LIMIT + 1), "read", "max_document_bytes"),
    ],
)
def test_bad_text_files(content, stage, words):
    document = only(content)
    assert (type(document), document.uri, document.stage) == (BadDocument, "a.txt", stage)
    assert words in document.message


def test_html_is_told_by_its_looks():
    page = b"\n<!-- made by hand --><!DOCTYPE html><html><p>One.</p></html>"
    assert only(page, "a.txt").media_type == "text/html"
    assert only(page, "a.txt").content == page
    assert only("<html lang=en>".encode("utf-16"), "a.txt").media_type == "text/html"
    assert only(b"<p>No head.</p>", "a.html").media_type == "text/html"
    assert only(b"Plain words, no tag.", "a.html").media_type == "text/plain"
    assert only(b"<p>in a text</p>", "a.txt").media_type == "text/plain"
    assert only(b"\0\1\2<a", "a.html").stage == "decode"


def test_gzip():
    assert only(gzip.compress(b"Some words."), "a.txt.gz").content == "Some words."
    bomb = only(gzip.compress(b"x" * 1_000_000), "a.txt.gz")
    assert "max_document_bytes" in bomb.message


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"Some words." * 100)[:-12], b""])
def test_broken_gzip(content):
    assert only(content, "a.txt.gz").stage in {"decode", "read"}


def test_records_before_a_broken_end_go_in():
    body = lines(*({"id": i, "text": random.Random(i).randbytes(300).hex()} for i in range(200)))
    found = documents(gzip.compress(body)[:-5000], "a.jsonl.gz")
    assert len(found) > 50
    assert [type(document) for document in found] == [RawDocument] * (len(found) - 1) + [BadDocument]
    assert (found[-1].uri, found[-1].stage) == ("a.jsonl.gz", "decode")


def test_records():
    record = {"id": 7, "text": "Words.", "title": "T", "url": "https://example.org/", "published": "2019-03-28", "source": "S"}
    document = only(lines(record | {"more": [1]}), "a.jsonl", language="en", title="of the file")
    given = {"title": "T", "url": "https://example.org/", "published": "2019-03-28", "source": "S", "language": "en"}
    assert document == RawDocument("a.jsonl#7", "a.jsonl", "Words.", "text/plain", given)


def test_key_is_id_else_url_else_line():
    content = lines(
        {"id": "x", "url": "u", "text": "1"}, {"url": "u", "text": "2"}, b"", {"text": "3"}, {"id": None, "text": "4"}
    )
    with pytest.warns(SourceWarning, match="line 4") as seen:
        found = documents(content, "a.jsonl")
    assert [document.uri for document in found] == ["a.jsonl#x", "a.jsonl#u", "a.jsonl#4", "a.jsonl#5"]
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("line", "stage", "words"),
    [
        (b'{"id": 1, "text": ', "parse", "not JSON"),
        (b"[1, 2]", "parse", "not an object"),
        (b"null", "parse", "not an object"),
        (b'{"id": 1}', "parse", "no text"),
        (b'{"id": 1, "text": " "}', "parse", "no text"),
        (b'{"id": 1, "text": 5}', "parse", "no text"),
        (b'{"id": "\xff", "text": "x"}', "decode", "not UTF-8"),
        (b"[" * 9_000, "parse", "not JSON"),
        (b'{"id": 1, "text": "' + b"x" * 3 * LIMIT + b'"}', "read", "max_document_bytes"),
        (b'{"id": "a", "text": "again"}', "parse", "earlier record"),
        (b'{"id": ' + b"9" * 5000 + b', "text": "x"}', "parse", "not JSON"),
    ],
)
def test_bad_records_leave_the_others_alone(line, stage, words):
    first, bad, last = documents(lines({"id": "a", "text": "A"}, line, {"id": "b", "text": "B"}), "a.jsonl")
    assert (first.uri, last.uri) == ("a.jsonl#a", "a.jsonl#b")
    assert (bad.uri, bad.path, bad.stage, bad.error) == ("a.jsonl#2", "a.jsonl", stage, "RecordError")
    assert words in bad.message


def test_long_line_is_read_past_in_pieces():
    class Counting(io.BytesIO):
        largest = 0

        def readline(self, size=-1):
            line = super().readline(size)
            self.largest = max(self.largest, len(line))
            return line

    stream = Counting(lines(b"x" * 1_000_000, {"id": 1, "text": "x"}))
    found = list(read(stream, "a.jsonl", given={}, max_document_bytes=1000))
    assert [document.uri for document in found] == ["a.jsonl#1", "a.jsonl#1"]
    assert stream.largest < 70_000


def test_unstorable_characters_are_replaced_one_for_one():
    document = only(b'{"id": "k\\u0000", "text": "a\\u0000b\\ud800c\\ud83d\\ude00", "title": "\\udfff!"}\n', "a.jsonl")
    assert (document.uri, document.content, document.given["title"]) == ("a.jsonl#k\ufffd", "a\ufffdb\ufffdc😀", "\ufffd!")


@pytest.mark.parametrize("content", [b"", b"\n\n", '{"text": "x"}'.encode("utf-16"), b"\x7fELF\0\0\n"])
def test_files_that_are_no_lines_of_json(content):
    document = only(content, "a.jsonl")
    assert (type(document), document.uri) == (BadDocument, "a.jsonl")


def test_byte_order_mark_and_missing_last_line_break():
    assert only(b'\xef\xbb\xbf{"id": 1, "text": "x"}', "a.jsonl").uri == "a.jsonl#1"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.html", "a.jsonl", "a.txt.gz", "a.jsonl.gz"]), st.integers(1, 400))
def test_never_raises_on_arbitrary_bytes(content, path, limit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SourceWarning)
        for document in documents(content, path, limit=limit):
            assert document.uri.startswith(path)
            if isinstance(document, RawDocument) and isinstance(document.content, str):
                document.content.encode()


OLD_TEXTS = {
    "en": (
        "The minister’s plan – first set out in the café beside the river – was called “naïve” by c"
        "ritics. The mayor said that he had £20 left… and that the façade wouldn’t be repaired befo"
        "re May."
    ),
    "fr": (
        "Le président n’a pas répondu aux questions des députés ; « il a déjà tout dit », assure so"
        "n équipe. Les élèves étaient très nombreux dans la rue, où une fenêtre est restée ouverte "
        "pour l’été."
    ),
    "de": (
        "Die Bürgermeisterin erklärte, dass die Brücke für größere Züge nicht geöffnet wird. „Wir m"
        "üssen das prüfen“, sagte sie, und die Gäste hörten mit Überraschung zu."
    ),
    "es": (
        "El señor Núñez dijo que la decisión llegará mañana. ¿Habrá más dinero para los pueblos? “T"
        "odavía no”, contestó la alcaldesa, que pidió una reunión con los vecinos del barrio."
    ),
    "pl": (
        "Burmistrz zapowiedział, że most zostanie zamknięty na początku października. Mieszkańcy są"
        " źli, ponieważ objazd będzie dłuższy, a gmina wciąż nie ogłosiła, kto zapłaci za remont. P"
        "óźną jesienią ruszą też prace przy szkole, gdzie cieknie dach i pękają ściany."
    ),
    "tr": (
        "Belediye başkanı köprünün ekim ayının sonuna kadar kapalı kalacağını açıkladı. Mahalle sak"
        "inleri kızgın, çünkü yol çok uzun ve onarım ücretini kimin ödeyeceği hâlâ bilinmiyor. İlçe"
        "de ayrıca okulun çatısı da değişecek."
    ),
    "ru": (
        "Мэр города сообщил, что мост закроют до конца октября. Жители недовольны: объезд слишком д"
        "линный, а кто оплатит ремонт, до сих пор неизвестно. Осенью начнутся работы и в школе, где"
        " протекает крыша."
    ),
    "ja": (
        "市長は十月末まで橋を閉鎖すると発表した。住民は、迂回路が長すぎると不満を述べてい"
        "る。修理の費用を誰が払うのかは、まだ決まっていない。学校の屋根の工事も秋に始まる"
        "予定だ。"
    ),
    "zh": (
        "市长宣布，这座桥将关闭到十月底。居民们很不满，因为绕行的路太长，而修理的费用由谁"
        "来付，到现在还没有说明。学校屋顶的工程也将在秋天开始。"
    ),
    "zt": ("市長宣布，這座橋將關閉到十月底。居民們很不滿，因為繞行的路太長，而修理的費用由誰來付，到現在還沒有說明。"),
    "ko": (
        "시장은 다리를 시월 말까지 닫는다고 발표했다. 주민들은 돌아가는 길이 너"
        "무 길다고 불만을 말했다. 수리비를 누가 낼지는 아직 정해지지 않았다."
    ),
}
OLD_ENCODINGS = [
    ("en", "cp1252"),
    ("fr", "cp1252"),
    ("de", "cp1252"),
    ("es", "cp1252"),
    ("pl", "cp1250"),
    ("pl", "iso8859_2"),
    ("tr", "cp1254"),
    ("ru", "cp1251"),
    ("ru", "koi8_r"),
    ("ja", "cp932"),
    ("ja", "euc_jp"),
    ("zh", "gb18030"),
    ("zt", "big5"),
    ("ko", "cp949"),
]


@pytest.mark.parametrize(("language", "encoding"), OLD_ENCODINGS)
@pytest.mark.parametrize("repeats", [1, 400])
def test_text_in_an_old_encoding_is_read_as_it_was_written(language: str, encoding: str, repeats: int) -> None:
    text = (OLD_TEXTS[language] + "\n") * repeats
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["mac_roman", "cp850", "iso8859_2", "cp1252", "cp1250"])
@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "pl", "tr"])
def test_text_in_an_encoding_that_cannot_be_told_is_refused_or_right(language: str, encoding: str) -> None:
    content = OLD_TEXTS[language].encode(encoding, "ignore")
    try:
        text = decode(content)
    except SourceError as error:
        assert error.stage == "decode"  # noqa: PT017
    else:
        assert text == content.decode(encoding)
