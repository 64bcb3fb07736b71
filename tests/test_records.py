"""Identities, times and token blobs."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import (
    KEY_BITS,
    Article,
    Published,
    RawDocument,
    Tokens,
    hash63,
    keys_from_bytes,
    keys_to_bytes,
    time_key,
)
from pipeline.text import tokenize

DAY = dt.datetime(2019, 3, 28, tzinfo=dt.UTC)
hours = st.integers(0, 72)


@st.composite
def times(draw: st.DrawFn) -> Published:
    start = DAY + dt.timedelta(hours=draw(hours))
    return Published(start, start + dt.timedelta(hours=draw(st.integers(1, 24))), "day", "given")


@given(st.lists(st.text(), min_size=1))
def test_hashes_fit_a_signed_bigint_and_stay(parts: list[str]) -> None:
    assert 0 <= hash63(*parts) < 2**63
    assert hash63(*parts) == hash63(*parts)


def test_hashes_keep_their_parts_apart_and_do_not_change() -> None:
    assert hash63("gazette", "a.txt") == 7773309326721191483
    assert hash63("ab", "c") != hash63("a", "bc")


@given(times(), times())
def test_strictly_earlier_and_gap_agree(one: Published, other: Published) -> None:
    assert one.before(other) == (one.end <= other.start)
    assert not (one.before(other) and other.before(one))
    assert one.gap(other) == other.gap(one) >= dt.timedelta(0)
    if one.gap(other) > dt.timedelta(0):
        assert one.before(other) or other.before(one)
    if one.before(other):
        assert one.gap(other) == other.start - one.end
        assert time_key(one, 2) < time_key(other, 1)


@given(st.lists(st.tuples(st.none() | times(), st.integers(1, 9)), unique_by=lambda x: x[1]))
def test_time_keys_are_a_total_order_with_the_unknown_last(items: list[tuple[Published | None, int]]) -> None:
    keys = sorted(time_key(*item) for item in items)
    assert len(set(keys)) == len(keys)
    unknown = [article_id for published, article_id in items if published is None]
    assert [key[2] for key in keys][len(keys) - len(unknown) :] == sorted(unknown)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255), st.booleans()), max_size=20))
def test_tokens_survive_their_bytes(rows: list[tuple[int, int, int, bool]]) -> None:
    columns = list(zip(*rows, strict=True)) or [[], [], [], []]
    types = (np.uint32, np.uint32, np.uint8, np.bool_)
    tokens = Tokens(*(np.array(column, kind) for column, kind in zip(columns, types, strict=True)))
    again = Tokens.from_bytes(tokens.to_bytes())
    assert len(again) == len(tokens) == len(rows)
    for name in ("hashes", "starts", "lengths", "quoted"):
        assert getattr(again, name).tolist() == getattr(tokens, name).tolist()
        assert getattr(again, name).dtype == getattr(tokens, name).dtype
    assert len(tokens.to_bytes()) <= 8 + (6 + 8) * len(rows) + -(-len(rows) // 8)
    assert again.unquoted_before.tolist() == [sum(not row[3] for row in rows[:k]) for k in range(len(rows) + 1)]


def test_a_token_takes_six_bytes_and_a_bit_and_wide_gaps_eight_more() -> None:
    assert len(tokenize("word " * 80).to_bytes()) == 8 + 6 * 80 + 10
    assert len(tokenize("word " * 40 + " " * 300 + "word " * 40).to_bytes()) == 8 + 6 * 80 + 10 + 8


@given(st.lists(st.integers(0, 2**KEY_BITS - 1), unique=True))
def test_keys_survive_their_bytes(numbers: list[int]) -> None:
    keys = np.array(sorted(numbers), np.uint64) << np.uint64(64 - KEY_BITS)
    assert keys_from_bytes(keys_to_bytes(keys)).tolist() == keys.tolist()
    assert len(keys_to_bytes(keys)) == 5 * len(keys)


def test_the_end_of_a_token_at_a_high_offset_does_not_wrap() -> None:
    tokens = Tokens(
        *(np.array([x], kind) for x, kind in ((1, np.uint32), (20_000_000, np.uint32), (255, np.uint8), (False, np.bool_)))
    )
    assert tokens.ends.tolist() == [20_000_255]


@pytest.mark.parametrize(
    "change", [{"content": "other"}, {"content": b"text"}, {"given": {"title": "T"}}, {"media_type": "text/html"}]
)
def test_the_content_hash_covers_bytes_and_what_is_given_beside_them(change: dict[str, object]) -> None:
    values: dict[str, object] = {"uri": "a", "path": "a", "content": "text", "media_type": "text/plain"}
    one, other = RawDocument(**values), RawDocument(**(values | change))  # type: ignore[arg-type]
    assert len(one.content_hash) == 32
    same = change == {"content": b"text"}
    assert (one.content_hash == other.content_hash) == same


def test_the_content_hash_does_not_know_the_order_of_what_is_given_nor_the_uri() -> None:
    one = RawDocument("a", "a", "text\ud800", "text/plain", {"title": "T", "url": "U"})
    other = RawDocument("b", "b", "text\ud800", "text/plain", {"url": "U", "title": "T"})
    assert one.content_hash == other.content_hash


def test_article_and_revision_ids_follow_from_origin_uri_and_content() -> None:
    def make(origin: str = "o", uri: str = "u", content_hash: str = "c") -> Article:
        return Article(origin, "source", uri, "path", content_hash, "text")

    assert make().article_id == hash63("o", "u")
    assert make().article_id != make(uri="v").article_id != make(origin="p").article_id
    assert make().article_id == make(content_hash="d").article_id
    assert make().revision_id != make(content_hash="d").revision_id
