"""What the rules take out, what they leave, and what they learn from it."""

import datetime as dt
import gzip
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate import RULES, agency_in, clean
from pipeline.records import Article, Published

SHARED = Path(__file__).parents[1].parent / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")

BODY = [
    "The harbour office of Lakeside said on Thursday that the ferry would not sail before the weekend, whatever the crews say.",
    "Passengers waited at the quay for most of the day, and many of them went home by bus when the evening brought no news.",
    "“We have been patient for three weeks,” one of them said, “and nobody has told us anything that we could plan with.”",
    "The company had offered to take up the talks again in the second half of the month, which the crews had called too late.",
    "A spokeswoman of the port said that the other lines were not touched by the strike and would go on as planned.",
    "It is the third strike in Lakeside within a year, and the first that has stopped all ships between the two shores.",
    "The island council will meet on Monday to talk about a bus over the new bridge, which would take some two hours and a half.",
]


def article(*lines, **known):
    text = lines[0] if len(lines) == 1 else "\n".join(lines)
    return Article(origin="o", source="s", uri="a.txt", path="a.txt", content_hash="0" * 32, raw_text=text, **known)


def removed(cleaned):
    return [(span.rule, cleaned.raw_text[span.raw_start : span.raw_end], span.in_body) for span in cleaned.removed]


def clean_text(cleaned):
    text, place = "", 0
    for span in cleaned.removed:
        if not span.in_body:
            text += cleaned.raw_text[place : span.raw_start]
            place = span.raw_end
    return text + cleaned.raw_text[place:]


def with_example(rule):
    """The example of a rule where it belongs, in an article of several lines."""
    if rule.zone == "head":
        return article(rule.example, *BODY, url="https://example.org/ferry-strike-enters-its-third-week")
    if rule.zone == "opening":
        return article(rule.example, *BODY)
    if rule.zone == "any":
        return article(*BODY, *BODY, rule.example, *BODY)
    return article(*BODY, rule.example)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}: {rule.example}")
def test_each_rule_fits_the_line_it_was_written_for(rule):
    cleaned = clean(with_example(rule))
    assert [(span.rule, span.in_body) for span in cleaned.removed] == [(rule.name, rule.action == "mask")]
    if rule.zone in {"head", "any", "tail"} and rule.action == "cut":
        assert rule.example not in clean_text(cleaned)
        assert all(line in clean_text(cleaned) for line in BODY)


def test_body_alone_is_left_alone():
    plain = article(*BODY)
    assert clean(plain) is plain


def test_all_that_stands_above_a_report():
    cleaned = clean(
        article(
            "https://www.example.org/world/2019/03/28/ferry-strike-in-lakeside-enters-third-week.html",
            "Ferry strike in Lakeside enters its third week",
            "By JANE DOE, Associated Press",
            "Published 7:42 PM, March 28, 2019",
            "",
            "LAKESIDE, March 28 (AP) — " + BODY[0],
            *BODY[1:],
        ),
        timezone="Europe/Berlin",
    )
    assert [rule for rule, _text, _in_body in removed(cleaned)] == ["url", "headline", "byline", "timestamp", "dateline"]
    assert (cleaned.title, cleaned.author, cleaned.agency) == ("Ferry strike in Lakeside enters its third week", "JANE DOE", "AP")
    assert cleaned.url.startswith("https://www.example.org/world/")
    assert cleaned.published == Published(
        dt.datetime(2019, 3, 28, 18, 42, tzinfo=dt.UTC), dt.datetime(2019, 3, 28, 18, 43, tzinfo=dt.UTC), "minute", "text"
    )
    assert clean_text(cleaned) == "LAKESIDE, March 28 (AP) — " + "\n".join(BODY)


def test_whole_lines_go_with_their_line_breaks():
    cleaned = clean(article("Published March 28, 2019\r\n\r\n" + "\r\n".join(BODY) + "\r\n\r\nFollow us on Twitter\r\n\r\n"))
    assert clean_text(cleaned) == "\r\n".join(BODY)


def test_prefix_goes_and_the_rest_of_the_line_stays():
    cleaned = clean(article(" date 2019-07-05 " + BODY[0], *BODY[1:]))
    assert removed(cleaned) == [("date-prefix", " date 2019-07-05 ", False)]
    assert cleaned.published.start == dt.datetime(2019, 7, 5, tzinfo=dt.UTC)
    assert clean_text(cleaned) == "\n".join(BODY)


def test_prefix_and_dateline_in_one_line():
    cleaned = clean(article("date 2019-07-05 LAKESIDE (Reuters) - " + BODY[0], *BODY[1:]))
    assert [rule for rule, _text, _in_body in removed(cleaned)] == ["date-prefix", "dateline"]
    assert cleaned.agency == "Reuters"


@pytest.mark.parametrize(
    ("start", "agency"),
    [
        ("LAKESIDE, Iowa – ", None),
        ("LAKESIDE (AP) — ", "AP"),
        ("NEW HARBOUR, N.J. (AFP) - ", "AFP"),
        ("LAKESIDE -- ", None),
        ("(CNN) ", None),
        ("(Reuters) - ", "Reuters"),
        ("Third Shore, Iowa (CNN) ", None),
        ("LAKESIDE, March 28. /TASS/. ", "TASS"),
        ("МОСКВА, 28 марта. /ТАСС/. ", "TASS"),
        ("МОСКВА, 28 мар - РИА Новости. ", None),
    ],
)
def test_datelines_are_masked(start, agency):
    cleaned = clean(article(start + BODY[0], *BODY[1:]))
    assert removed(cleaned) == [("dateline", start, True)]
    assert cleaned.agency == agency


@pytest.mark.parametrize(
    "line",
    [
        "FILE - The old ferry in the harbour of Lakeside in a photo taken two years ago before the strike began.",
        "WATCH - the ferry leaves the harbour of Lakeside.",
        "THE STORY OF THE LAST FERRY - and of those who sailed on her for forty years between the two shores of the lake.",
        "By Thursday the ferry had left.",
        "By Any Means Necessary",
        "Published in 2019, the book tells the story of the ferry.",
        "The company published its plan on March 28, 2019",
        "Follow the river for an hour and you come to the quay.",
        "Share and share alike",
        "Read more books, she says.",
        "“Follow us on Twitter,” the sign at the quay said.",
        "She announced it in an email to supporters at the end of the week.",
        "Related costs: some two million a year.",
        "He contributed to this report's success more than anyone else, the council “never doubted it”.",
        "https://twitter.com/lakeside/status/1",
    ],
)
def test_what_only_looks_like_boilerplate_stays(line):
    for lines in ([line, *BODY], [*BODY, line], [*BODY, line, *BODY]):
        assert removed(clean(article(*lines))) == []


@pytest.mark.parametrize(
    ("line", "agency"),
    [
        (BODY[0] + " – Lakeside.com", None),
        (BODY[0] + " – AFP/Lakeside.com", "AFP"),
        (BODY[0] + " (Reporting by Jane Doe for Reuters; Editing by John Roe)", "Reuters"),
        (BODY[0] + " (AFP)", "AFP"),
        ("© 2019 AFP", "AFP"),
        ("Copyright 2018 The Associated Press. All rights reserved.", "AP"),
        ("Reuter", "Reuters"),
        ("The Associated Press contributed to this report.", "AP"),
        ("Material from Reuters was used in this report.", "Reuters"),
        ("Lakeside TV / Third Shore News 2019.", None),
    ],
)
def test_credits_are_masked(line, agency):
    cleaned = clean(article(*BODY[1:], line))
    ((_rule, text, in_body),) = removed(cleaned)
    assert in_body
    assert cleaned.raw_text.endswith(text)
    assert BODY[0] not in text
    assert cleaned.agency == agency


def test_headline_equal_to_the_known_title():
    cleaned = clean(article("Ferry ‘will not sail’", *BODY, title="Ferry 'will not sail'"))
    assert removed(cleaned) == [("headline", "Ferry ‘will not sail’\n", False)]
    assert removed(clean(article("Another line", *BODY, title="Ferry 'will not sail'"))) == []


def test_what_is_known_wins():
    known = Published(dt.datetime(2019, 3, 1, tzinfo=dt.UTC), dt.datetime(2019, 3, 2, tzinfo=dt.UTC), "day", "given")
    lines = ("Published March 28, 2019", "By Jane Doe", *BODY)
    cleaned = clean(article(*lines, published=known, author="J. D.", title="T"))
    assert (cleaned.published, cleaned.author, cleaned.title) == (known, "J. D.", "T")
    of_url = Published(known.start, known.end, "day", "url")
    assert clean(article(*lines, published=of_url)).published.found_in == "text"


def test_nothing_is_removed_where_nothing_would_be_left():
    for text in ("Advertisement", "© 2019 AFP", "https://example.org/a\nBy Jane Doe\n", "", " \n "):
        assert clean(article(text)).removed == ()


def test_agency_in():
    assert agency_in("Jane Doe and the Associated Press") == "AP"
    assert agency_in("AFP with Reuters") == "AFP"
    assert agency_in("a map, a spa") is None


pieces = st.one_of(
    st.sampled_from([rule.example for rule in RULES] + BODY), st.text(max_size=60), st.sampled_from(["", " ", "\r", "\t"])
)


@given(st.lists(pieces, max_size=25), st.sampled_from(["\n", "\r\n", "\n\n", "\r", " "]))
def test_spans_are_sorted_apart_and_inside(lines, line_break):
    text = line_break.join(lines)
    cleaned = clean(article(text))
    place = 0
    for span in cleaned.removed:
        assert place <= span.raw_start < span.raw_end <= len(text)
        place = span.raw_end
    assert not text.strip() or clean_text(cleaned).strip()
    assert clean(cleaned).removed == cleaned.removed or clean(cleaned) == cleaned


@given(st.text())
def test_never_raises(text):
    clean(article(text, url=text, title=text))


@pytest.mark.parametrize("piece", ["A ", "Follow ", "By Jane ", "/", " - ", "Share ", "(", "A, ", "a@", "Photo: "])
def test_hostile_lines_take_no_time(piece):
    for text in (piece * 40, piece * 100_000, (piece * 12 + "\n") * 2000):
        begun = time.process_time()
        clean(article(text))
        assert time.process_time() - begun < 2


@pytest.mark.reference
@needs_shared
def test_gold_passages_of_the_reference_articles_are_not_touched():
    gold = json.loads((SHARED / "seeds.gold.json").read_text())["passages"]
    for path in sorted((SHARED / "seeds").glob("*.txt")):
        cleaned = clean(article(path.read_text(encoding="utf-8")))
        for passage in gold:
            for side in ("left", "right"):
                start, end = passage[f"{side}_span"]
                if passage[side] == path.stem:
                    assert not [s for s in cleaned.removed if s.raw_start < end and start < s.raw_end], passage["id"]


@pytest.mark.reference
@needs_shared
def test_corpus_gold_and_speed():
    corpus = SHARED / "corpora" / "abp-2015-2018"
    with gzip.open(f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    half = sorted({record["source"] for record in records})
    half = set(half[: len(half) // 2])  # the other half stays unseen
    articles = [article(r["text"], title=r["title"], url=r["url"]) for r in records if r["source"] in half]
    begun = time.process_time()
    cleaned = [clean(one) for one in articles]
    # 3,000 documents/s is the aim, some 6,500 are reached on a quiet core; a busy machine gets a third of that.
    assert len(articles) / (time.process_time() - begun) > 1500
    spans = dict(zip((r["id"] for r in records if r["source"] in half), (one.removed for one in cleaned), strict=True))
    total = eaten = 0
    with gzip.open(f"{corpus}.passages.jsonl.gz", "rt", encoding="utf-8") as file:
        for pair in map(json.loads, file):
            for side in ("left", "right"):
                for start, end in (passage[side] for passage in pair["passages"] if pair[side] in spans):
                    total += end - start
                    # Copyright lines are gold, too, where two outlets print the agency's.
                    taken = [span for span in spans[pair[side]] if span.rule != "copyright"]
                    eaten += sum(max(0, min(end, span.raw_end) - max(start, span.raw_start)) for span in taken)
    assert eaten < 0.002 * total
