"""Documents become articles: text as it is, HTML through trafilatura."""

import datetime as dt

import pytest

from pipeline.errors import ExtractionError
from pipeline.extract import extract, extractor_key
from pipeline.records import RawDocument

BODY = "".join(
    f"<p>Paragraph {n}: the harbour office of Lakeside said on Thursday that the ferry would not sail before the weekend.</p>"
    for n in range(6)
)
PAGE = f"""<!doctype html><html lang="en"><head><title>Ferry strike enters third week</title>
<meta name="author" content="Jane Doe"><link rel="canonical" href="https://example.org/2019/03/27/ferry-strike/">
<meta property="article:published_time" content="2019-03-28T19:42:00+01:00"></head>
<body><nav><a href="/">Home</a> <a href="/world">World</a></nav><article><h1>Ferry strike enters third week</h1>{BODY}</article>
<footer>Imprint and privacy</footer></body></html>"""


def page(html=PAGE, **given):
    content = html if isinstance(html, bytes) else html.encode()
    return extract(RawDocument("a.html", "a.html", content, "text/html", given), origin="lakeside", max_date="2026-01-01")


def plain(text, **given):
    return extract(RawDocument("a.txt", "a.txt", text, "text/plain", given), origin="lakeside", max_date="2026-01-01")


def test_plain_text_is_taken_as_it_is():
    article = plain(" One.\r\nTwo. ")
    assert (article.raw_text, article.extractor, article.source, article.origin) == (
        " One.\r\nTwo. ",
        "text",
        "lakeside",
        "lakeside",
    )
    assert (article.published, article.title, article.removed) == (None, None, ())


def test_given_metadata():
    article = plain("One.", source="Post", title="T", author="A", language="en", published="2019-03-28", timezone="Asia/Tokyo")
    assert (article.source, article.title, article.author, article.language) == ("Post", "T", "A", "en")
    assert article.published.start == dt.datetime(2019, 3, 27, 15, tzinfo=dt.UTC)


def test_date_of_the_url_is_the_last_resort():
    url = "https://example.org/2019/03/28/slug"
    assert plain("One.", url=url).published.found_in == "url"
    assert plain("One.", url=url, published="nobody knows").published.found_in == "url"
    assert plain("One.", url=url, published="2019-03-29").published.found_in == "given"


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_text(text):
    with pytest.raises(ExtractionError, match=r"a\.txt"):
        plain(text)


def test_page():
    article = page()
    assert article.raw_text.count("harbour office") == 6
    assert "Imprint" not in article.raw_text
    assert (article.title, article.author, article.extractor) == ("Ferry strike enters third week", "Jane Doe", "trafilatura")
    assert article.url == article.canonical_url == "https://example.org/2019/03/27/ferry-strike/"
    assert (article.published.start, article.published.found_in) == (dt.datetime(2019, 3, 28, 18, 42, tzinfo=dt.UTC), "page")


def test_given_wins_over_the_page():
    article = page(title="T", author="A", url="https://example.org/amp/ferry", published="2019-04-01")
    assert (article.title, article.author, article.url) == ("T", "A", "https://example.org/amp/ferry")
    assert article.canonical_url == "https://example.org/2019/03/27/ferry-strike/"
    assert article.published.found_in == "given"


def test_same_page_many_times_gives_the_same_text():
    assert len({page().raw_text for _ in range(5)}) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_encodings_of_pages(encoding):
    text = PAGE.replace("weekend", "Wochenende in Köln").replace("<head>", f'<head><meta charset="{encoding}">')
    assert page(text.encode(encoding)).raw_text.count("Köln") == 6


def test_nul_and_surrogates_do_not_cut_the_text_short():
    assert page(PAGE.replace("Paragraph 1", "Para\0graph 1").encode()).raw_text.count("harbour office") == 6
    document = RawDocument("a.html", "a.html", PAGE.replace("Paragraph 1", "Para\ud800graph 1"), "text/html")
    text = extract(document, origin="o", max_date="2026-01-01").raw_text
    assert text.count("harbour office") == 6
    text.encode()


def test_short_page_falls_back():
    article = page("<html><body><div>The ferry sails again.</div></body></html>")
    assert "ferry sails" in article.raw_text
    assert article.extractor in {"trafilatura", "trafilatura-recall", "trafilatura-baseline"}


@pytest.mark.parametrize(
    "html", ["<html></html>", "<html><body><script>1</script></body></html>", "<", "<html>" + "<div>" * 3000]
)
def test_pages_without_text(html):
    with pytest.raises(ExtractionError):
        page(html)


def test_extractor_key_names_both_versions():
    assert "extract-" in extractor_key()
    assert "trafilatura-" in extractor_key()
