"""Written dates become half-open intervals in UTC, or nothing."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dates import parse_published, published_in_url


def utc(*fields):
    return dt.datetime(*fields, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "start", "precision"),
    [
        ("2019-03-28", utc(2019, 3, 28), "day"),
        (" 2019-03-28\n", utc(2019, 3, 28), "day"),
        ("2019-03-28T19:42", utc(2019, 3, 28, 19, 42), "minute"),
        ("2019-03-28 19:42:05", utc(2019, 3, 28, 19, 42, 5), "second"),
        ("2019-03-28T19:42:05.123456Z", utc(2019, 3, 28, 19, 42, 5), "second"),
        ("2019-03-28T19:42:05+03:00", utc(2019, 3, 28, 16, 42, 5), "second"),
        ("2019-03-28T19:42+0300", utc(2019, 3, 28, 16, 42), "minute"),
        ("7:42 PM, March 28, 2019", utc(2019, 3, 28, 19, 42), "minute"),
        ("March 28, 2019 at 7:42 p.m.", utc(2019, 3, 28, 19, 42), "minute"),
        ("March 28, 2019 at 7:42 p.m. EDT", utc(2019, 3, 28, 23, 42), "minute"),
        ("28 March 2019 | 19:42", utc(2019, 3, 28, 19, 42), "minute"),
        ("Thu, 28 Mar 2019 19:42:05 GMT", utc(2019, 3, 28, 19, 42, 5), "second"),
        ("28.03.2019", utc(2019, 3, 28), "day"),
        ("03.04.2019", utc(2019, 4, 3), "day"),
        ("3/28/2019", utc(2019, 3, 28), "day"),
        ("04/04/2019", utc(2019, 4, 4), "day"),
        ("7 PM, March 28, 2019", utc(2019, 3, 28), "day"),
        ("28 March 2019 19:42 QZT", utc(2019, 3, 28), "day"),
        ("0:00 AM, March 28, 2019", utc(2019, 3, 28), "minute"),
        ("2019", None, None),
        ("2019-03", None, None),
        ("March 2019", None, None),
        ("March 28", None, None),
        ("Thursday", None, None),
        ("28 March 19", None, None),
        ("03/04/2019", None, None),
        ("2019-02-30", None, None),
        ("0001-01-01", None, None),
        ("9999-12-31", None, None),
        ("nonsense of 2019", None, None),
        ("", None, None),
    ],
)
def test_parse_published(text, start, precision):
    published = parse_published(text, found_in="given")
    assert (published and published.start, published and published.precision) == (start, precision)
    if published:
        step = {"day": dt.timedelta(days=1), "minute": dt.timedelta(minutes=1), "second": dt.timedelta(seconds=1)}
        assert published.end - published.start == step[precision]
        assert published.found_in == "given"


def test_day_is_that_of_the_sources_zone():
    published = parse_published("2019-03-28", found_in="given", timezone="Asia/Manila")
    assert (published.start, published.end) == (utc(2019, 3, 27, 16), utc(2019, 3, 28, 16))
    assert parse_published("2019-03-28T19:42", found_in="given", timezone="Asia/Manila").start == utc(2019, 3, 28, 11, 42)


@pytest.mark.parametrize(("day", "hours"), [("2019-03-31", 23), ("2019-10-27", 25), ("2019-06-01", 24)])
def test_day_of_a_changing_clock(day, hours):
    published = parse_published(day, found_in="given", timezone="Europe/Berlin")
    assert published.end - published.start == dt.timedelta(hours=hours)


def test_skipped_day_is_still_an_interval():
    published = parse_published("2011-12-30", found_in="given", timezone="Pacific/Apia")
    assert published.start < published.end


def test_unknown_zone_counts_as_utc():
    assert parse_published("2019-03-28", found_in="given", timezone="Mars/Olympus").start == utc(2019, 3, 28)


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://example.org/world/2019/03/28/slug/", (2019, 3, 28)),
        ("https://example.org/news/2019/mar/8/slug", (2019, 3, 8)),
        ("https://example.org/2019-03-28/slug", (2019, 3, 28)),
        ("https://example.org/2019-03-28-slug.html", (2019, 3, 28)),
        ("https://example.org/news/slug-2019-03-28.html", (2019, 3, 28)),
        ("https://example.org/remembering-2001-09-11-again", None),
        ("https://example.org/2019/03/slug", None),
        ("https://example.org/2019/13/28/slug", None),
        ("https://example.org/slug?day=2019-03-28", None),
        ("http://[broken", None),
    ],
)
def test_published_in_url(url, day):
    published = published_in_url(url)
    assert (published and published.start) == (day and utc(*day))
    assert published is None or (published.precision, published.found_in) == ("day", "url")


@given(st.text(max_size=100))
def test_never_raises(text):
    for published in (parse_published(text, found_in="text"), published_in_url(text)):
        assert published is None or published.start < published.end


@given(st.text("0123456789 :-/.,TZ+apmMJanuryFebdhAugstEDC", max_size=40))
def test_never_raises_on_what_is_nearly_a_date(text):
    published = parse_published(text, found_in="text")
    assert published is None or 1599 <= published.start.year <= 2200


@given(
    st.datetimes(dt.datetime.fromisoformat("1700-01-01"), dt.datetime.fromisoformat("2199-01-01")),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
)
def test_iso_round_trip(moment, zone):
    moment = moment.replace(microsecond=0)
    fast = parse_published(moment.isoformat(), found_in="given", timezone=zone)
    free = parse_published(moment.strftime("%d %B ") + f"{moment.year:04d} {moment:%H:%M:%S}", found_in="given", timezone=zone)
    assert fast == free
    assert fast.precision == "second"
