"""Publication times: from a written date to a half-open interval in UTC.

In: text as it stands in metadata, a page, a line or a URL. Out: `Published`, or
None where the text gives no full date. Nothing here raises, and nothing depends
on the clock or on the machine's time zone.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pipeline.records import Published

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.records import Precision

FIRST_YEAR, LAST_YEAR = 1600, 2200
"""Years outside are taken for misprints or placeholders (0001-01-01, 9999-12-31)."""

MAX_DATE_CHARS = 80
"""`Thursday, September 26, 2019 at 10:45:00 a.m. Eastern Daylight Time` has 66; a longer text is no date."""

# Abbreviations that name one zone in news text. IST, CST of China and the like are left out: they name several.
_ZONES = {
    "ET": "America/New_York",
    "EST": "-05:00",
    "EDT": "-04:00",
    "CT": "America/Chicago",
    "CST": "-06:00",
    "CDT": "-05:00",
    "MT": "America/Denver",
    "MST": "-07:00",
    "MDT": "-06:00",
    "PT": "America/Los_Angeles",
    "PST": "-08:00",
    "PDT": "-07:00",
    "BST": "+01:00",
    "WET": "+00:00",
    "WEST": "+01:00",
    "CET": "+01:00",
    "CEST": "+02:00",
    "EET": "+02:00",
    "EEST": "+03:00",
    "MSK": "+03:00",
    "JST": "+09:00",
    "KST": "+09:00",
    "AEST": "+10:00",
    "AEDT": "+11:00",
    "UTC": "+00:00",
    "GMT": "+00:00",
    "Z": "+00:00",
}

_DAY = dt.timedelta(days=1)
_STEPS: dict[Precision, dt.timedelta] = {"day": _DAY, "minute": dt.timedelta(minutes=1), "second": dt.timedelta(seconds=1)}
# `2019-03-28`, `2019-03-28T19:42`, `2019-03-28 19:42:05.123+03:00`
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<clock>\d{2}:\d{2})(?P<second>:\d{2})?(?:[.,]\d{1,9})? ?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_MERIDIEM = re.compile(r"\b([ap])\.\s?m\b\.?", re.IGNORECASE)
# `28.03.2019` is written day first wherever it is written; `03/04/2019` is not.
_DOTTED = re.compile(r"\b(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})\b", re.ASCII)
_SLASHED = re.compile(r"\b(\d{1,2})[/-](\d{1,2})[/-](\d{4})\b", re.ASCII)
# Two defaults that differ in every field: what both readings agree on stands in the text.
_DEFAULTS = (dt.datetime(2001, 2, 3, 4, 5, 6), dt.datetime(2004, 5, 6, 7, 8, 9))  # noqa: DTZ001
# What dateutil has been seen to raise on text that is no date.
_NO_DATE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# `/2019/03/28/`, `/2019/mar/28/`; `/2019-03-28/`, `/2019-03-28-slug`, `/slug-2019-03-28.html`. A date in the midst
# of a slug is more often what the article is about.
_URL_DATE = re.compile(
    rf"/(?P<year>\d{{4}})/(?P<month>\d{{1,2}}|{'|'.join(_MONTHS)})/(?P<day>\d{{1,2}})(?![^/._-])"
    r"|(?:/|-(?=[\d-]{10}(?:[/.]|$)))(?P<iso>\d{4}-\d{2}-\d{2})(?!\d)",
    re.ASCII | re.IGNORECASE,
)


class _Moment(NamedTuple):
    """A local date and time, as exact as `precision` says; no zone of its own where tzinfo is None."""

    when: dt.datetime
    precision: Precision


def parse_published(text: str, *, found_in: str, timezone: str | None = None) -> Published | None:
    """The interval that a written date means.

    A date alone is the whole day in the source's zone. A year or a month alone,
    `03/04/2019` (whose order nobody knows) and years of two digits give None.

    Args:
        text: such as `2019-03-28`, `7:42 PM, March 28, 2019`, `Thu, 28 Mar 2019 19:42:00 GMT`.
        found_in: `given`, `page`, `text` or `url`, for the result.
        timezone: IANA name of the source's zone, for dates that name none; without it UTC.
    """
    text = text.strip()
    moment = _parse_iso(text) if text[:4].isdigit() else None
    if moment is None:
        moment = _parse_free(text)
    if moment is None:
        return None
    return _interval(moment, found_in, timezone)


def published_in_url(url: str, *, timezone: str | None = None) -> Published | None:
    """The day that stands in a URL's path, as in `/2019/mar/28/`."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    match = _URL_DATE.search(path)
    if match is None:
        return None
    if match["iso"]:
        return parse_published(match["iso"], found_in="url", timezone=timezone)
    month = match["month"].lower()
    number = int(month) if month.isdigit() else _MONTHS.index(month) + 1
    day = f"{match['year']}-{number:02d}-{int(match['day']):02d}"
    return parse_published(day, found_in="url", timezone=timezone)


@cache
def zone_of(timezone: str | None) -> dt.tzinfo:
    """The zone of an IANA name; UTC where there is none or nobody knows it."""
    if not timezone:
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return dt.UTC


def _parse_iso(text: str) -> _Moment | None:
    """The common case, some thirty times faster than dateutil."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    day, clock, second, zone = match.groups()
    try:
        if clock is None:
            return _Moment(dt.datetime.fromisoformat(day), "day")
        when = dt.datetime.fromisoformat(f"{day}T{clock}{second or ''}{zone or ''}")
    except ValueError:
        return None
    return _Moment(when, "second" if second else "minute")


def _parse_free(text: str) -> _Moment | None:
    """What dateutil reads, if the year, month and day all stand in the text."""
    if not 6 <= len(text) <= MAX_DATE_CHARS or not any(character.isdigit() for character in text):
        return None
    slashed = _SLASHED.search(text)
    if slashed and slashed[1] != slashed[2] and int(slashed[1]) <= 12 and int(slashed[2]) <= 12:
        return None
    text = _MERIDIEM.sub(r"\1m", text).replace("|", " ")
    text = _DOTTED.sub(r"\3-\2-\1", text)
    unknown_zone: list[str] = []
    try:
        first, second = _dateutil_readings(text, unknown_zone)
    except _NO_DATE:
        return None
    if first.date() != second.date():
        return None
    # A clock time in a zone that nobody knows is worth no more than its day.
    if unknown_zone or (first.hour, first.minute) != (second.hour, second.minute):
        return _Moment(dt.datetime.combine(first.date(), dt.time()), "day")
    return _Moment(first, "second" if first.second == second.second else "minute")


def _dateutil_readings(text: str, unknown_zone: list[str]) -> tuple[dt.datetime, dt.datetime]:
    """The text read with two defaults; zone abbreviations that nobody knows are put into `unknown_zone`."""

    def zone(name: str | None, offset: int | None) -> dt.tzinfo | None:
        if offset is not None:
            return dt.timezone(dt.timedelta(seconds=offset))
        known = _ZONES.get((name or "").upper())
        if name and known is None:
            unknown_zone.append(name)
        return _fixed_or_named(known) if known else None

    parse = _dateutil_parser()
    first, second = (parse(text, default=default, tzinfos=zone).replace(microsecond=0) for default in _DEFAULTS)
    return first, second


def _fixed_or_named(zone: str) -> dt.tzinfo:
    """A zone from `-05:00` or from an IANA name."""
    if zone[0] in "+-":
        return dt.timezone(dt.timedelta(hours=int(zone[:3])))
    return zone_of(zone)


@cache
def _dateutil_parser() -> Callable[..., dt.datetime]:
    """The parser of dateutil, loaded when first needed, without its guess of a century by today's date."""
    from dateutil.parser import parser, parserinfo

    class FullYears(parserinfo):
        def convertyear(self, year: int, century_specified: bool = False) -> int:
            if year < 100 and not century_specified:
                raise ValueError(f"year {year} has two digits")
            return year

    return parser(FullYears()).parse


def _interval(moment: _Moment, found_in: str, timezone: str | None) -> Published | None:
    """The half-open interval in UTC."""
    when, precision = moment
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        return None
    zone = when.tzinfo or zone_of(timezone)
    local = when.replace(tzinfo=zone, second=0 if precision == "minute" else when.second)
    start = local.astimezone(dt.UTC)
    # The next local midnight: a day of a changing clock has 23 or 25 hours.
    end = (local + _DAY).astimezone(dt.UTC) if precision == "day" else start + _STEPS[precision]
    if end <= start:  # a day that a zone skipped (Samoa, 2011-12-30)
        end = start + _DAY
    return Published(start, end, precision, found_in)
