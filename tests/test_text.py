"""Tokens and segment maps, held to docs/data-model.md ("Tokens", "Raw, clean and masked text")."""

from __future__ import annotations

import itertools
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.records import RemovedSpan, Tokens
from pipeline.text import (
    MAX_TOKEN_CHARS,
    clean_text,
    fold,
    inside,
    kept_intervals,
    to_clean,
    to_raw,
    tokenize,
)

LETTERS = "aAbéÉe\u0301\u0308ñçßжЖйИαΆς漢字かガがพไท12٣²한국עב"
OTHERS = " \n\t.,-_\u2019'\"“”„«»\u00a0\u200b\u00ad\u200d\ufeff\ud800\udfff\U0001f600"
mixed_texts = st.text(st.sampled_from(LETTERS + OTHERS), max_size=60) | st.text(max_size=30)

HAN = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC NUMBER")
ONE_TOKEN_A_CHARACTER = (*HAN, "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "HENTAIGANA", "THAI")


def passed_over(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or unicodedata.category(character) == "Cf"


def stands_alone(character: str) -> bool:
    return unicodedata.name(character, "").startswith(ONE_TOKEN_A_CHARACTER)


def folded(word: str) -> str:
    return "".join(fold(c) for c in word if not passed_over(c))


def words_of(text: str) -> list[str]:
    """The definition, one character at a time: the folded word of each token."""
    words: list[str] = []
    run = ""
    for character in text + " ":
        if passed_over(character):
            continue
        if character.isalnum() and not stands_alone(character):
            run += character
            continue
        words += [run[k : k + MAX_TOKEN_CHARS] for k in range(0, len(run), MAX_TOKEN_CHARS)]
        run = ""
        if character.isalnum():
            words.append(character)
    return [folded(word) for word in words]


def slices(text: str, tokens: Tokens) -> list[str]:
    return [text[a:b] for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)]


def hashes(text: str) -> list[int]:
    found: list[int] = tokenize(text).hashes.tolist()
    return found


# --------------------------------------------------------------------- tokens


@given(mixed_texts)
@example("漢字kana かな2กข")
@example("e\u0301\u0301 \u0301e")
@settings(max_examples=300)
def test_offsets_slice_back_to_the_tokens(text: str) -> None:
    tokens = tokenize(text)
    words = [folded(part) for part in slices(text, tokens)]
    assert words == words_of(text)
    starts, ends = tokens.starts.astype(int), tokens.ends.astype(int)
    assert (starts < ends).all()
    assert (starts[1:] >= ends[:-1]).all()
    assert all(part[0].isalnum() for part in slices(text, tokens))


@given(st.lists(mixed_texts, min_size=1, max_size=6))
@settings(max_examples=200)
def test_equal_words_have_equal_hashes_and_others_different_ones(texts: list[str]) -> None:
    of_word: dict[str, set[int]] = {}
    for text in texts:
        tokens = tokenize(text)
        for word, value in zip(slices(text, tokens), tokens.hashes.tolist(), strict=True):
            of_word.setdefault(folded(word), set()).add(value)
    assert all(len(values) == 1 for values in of_word.values())
    assert len({min(values) for values in of_word.values()}) == len(of_word)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "cafe"),
        ("ÉCOLE", "école"),
        ("naïve", "nai\u0308ve"),
        ("Łódź ŁÓDŹ"[5:], "łódź"),
        ("ЁЖ", "еж"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("co\u00adoperation", "cooperation"),
        ("zero\u200bwidth", "zerowidth"),
        ("\ufeffBOM", "bom"),
        ("Ａｂｃ１", "abc1"),
        ("מָקוֹם", "מקום"),
        ("が", "か\u3099"),
        ("İstanbul", "istanbul"),
        ("DON’T", "don't"),
        ("vingt\u00a0mille", "vingt mille"),
        ("STRAẞE", "straße"),
        ("Ⅳ", "ⅳ"),
        ("Ĳmuiden", "ĳmuiden"),
    ],
)
def test_case_accents_and_invisible_characters_are_folded(one: str, other: str) -> None:
    assert hashes(one) == hashes(other)
    assert len(hashes(one)) > 0


@pytest.mark.parametrize(("one", "other"), [("cat", "act"), ("a", "aa"), ("0", "o"), ("ж", "з"), ("ab", "ba"), ("字", "学")])
def test_different_words_have_different_hashes(one: str, other: str) -> None:
    assert hashes(one) != hashes(other)


def test_every_letter_has_the_hash_of_its_lower_case() -> None:
    letters = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isalnum() and len(chr(c).lower()) == 1]
    assert [c for c in letters if fold(c) != fold(c.lower())] == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_every_letter_has_the_hash_of_its_canonical_forms(form: str) -> None:
    """Letter by letter over all of Unicode but Hangul, which has its own test."""
    letters = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isalnum() and not 0xAC00 <= c <= 0xD7A3]
    changed = [(c, unicodedata.normalize(form, c)) for c in letters if unicodedata.normalize(form, c) != c]
    assert [c for c, other in changed if hashes(c) != hashes(other)] == []


def test_han_kana_and_thai_are_one_token_a_character() -> None:
    assert slices("漢字 かな カナ 人々", tokenize("漢字 かな カナ 人々")) == list("漢字かなカナ人々")
    assert slices("ประเทศ", tokenize("ประเทศ")) == list("ประเทศ")
    assert [w.strip("\u0e31\u0e49") for w in slices("บ้าน", tokenize("บ้าน"))] == list("บาน")
    assert slices("2024年Tokyo東京", tokenize("2024年Tokyo東京")) == ["2024", "年", "Tokyo", "東", "京"]
    assert slices("서울 시장", tokenize("서울 시장")) == ["서울", "시장"]


def test_a_mark_belongs_to_the_letter_before_it() -> None:
    text = "cafe\u0301 noir"
    assert slices(text, tokenize(text)) == ["cafe\u0301", "noir"]


@pytest.mark.parametrize(("size", "lengths"), [(254, [254]), (255, [255]), (256, [255, 1]), (600, [255, 255, 90])])
def test_long_runs_are_cut_into_pieces(size: int, lengths: list[int]) -> None:
    tokens = tokenize("x " + "a" * size + " y")
    assert tokens.lengths.tolist() == [1, *lengths, 1]
    assert tokens.starts.tolist()[1:-1] == [2 + 255 * k for k in range(len(lengths))]


def test_lone_surrogates_and_empty_texts_give_no_tokens() -> None:
    for text in ("", " ", "\ud800", "\udfff\ud800", "…—!", "\u0301\u200b"):
        assert len(tokenize(text)) == 0
    assert slices("a\ud800b", tokenize("a\ud800b")) == ["a", "b"]


@given(mixed_texts, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15), st.booleans()), max_size=3))
@settings(max_examples=200)
def test_tokens_under_left_out_spans_are_dropped_and_no_others(text: str, chosen: list[tuple[int, int, bool]]) -> None:
    spans = [RemovedSpan(min(a, len(text)), min(a + n, len(text)), "rule", in_body) for a, n, in_body in chosen]
    spans = [span for span in spans if span.raw_start < span.raw_end]
    every, left = tokenize(text), tokenize(text, spans)
    hit = [
        any(a < span.raw_end and span.raw_start < b for span in spans)
        for a, b in zip(every.starts.tolist(), every.ends.tolist(), strict=True)
    ]
    keep = ~np.array(hit, bool)
    for name in ("hashes", "starts", "lengths", "quoted"):
        assert getattr(left, name).tolist() == getattr(every, name)[keep].tolist()


@given(mixed_texts)
@settings(max_examples=50)
def test_tokens_survive_their_bytes(text: str) -> None:
    tokens = tokenize(text)
    again = Tokens.from_bytes(tokens.to_bytes())
    for name in ("hashes", "starts", "lengths", "quoted"):
        one, other = getattr(tokens, name), getattr(again, name)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


# ---------------------------------------------------------------- segment maps


@st.composite
def cuts(draw: st.DrawFn) -> tuple[str, list[RemovedSpan]]:
    text = draw(st.text(st.sampled_from("abcdefgh"), max_size=30))
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, 30))
        if start < len(text):
            spans.append(RemovedSpan(start, draw(st.integers(start + 1, len(text))), "rule", draw(st.booleans())))
    return text, spans


@given(cuts())
@settings(max_examples=200)
def test_the_clean_text_is_the_raw_text_without_the_cuts(case: tuple[str, list[RemovedSpan]]) -> None:
    text, spans = case
    cut = {k for span in spans if not span.in_body for k in range(span.raw_start, span.raw_end)}
    kept = kept_intervals(len(text), spans)
    assert clean_text(text, kept) == "".join(c for k, c in enumerate(text) if k not in cut)
    assert all(a < b for a, b in kept)
    assert all(b < c for (_, b), (c, _) in itertools.pairwise(kept))
    if not cut:
        assert len(kept) <= 1


@given(cuts())
@settings(max_examples=200)
def test_raw_and_clean_offsets_map_to_each_other(case: tuple[str, list[RemovedSpan]]) -> None:
    text, spans = case
    kept = kept_intervals(len(text), spans)
    clean = clean_text(text, kept)
    for offset, character in enumerate(clean):
        assert text[to_raw(kept, offset)] == character
        assert to_clean(kept, to_raw(kept, offset)) == offset
    assert to_clean(kept, to_raw(kept, len(clean))) == len(clean)
    within = inside(kept, np.arange(len(text)))
    before = 0
    for offset in range(len(text)):
        assert to_clean(kept, offset) == before
        before += bool(within[offset])
    assert to_clean(kept, len(text)) == before == len(clean)


@given(cuts(), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=100)
def test_a_kept_span_has_the_same_text_on_both_sides(case: tuple[str, list[RemovedSpan]], one: int, other: int) -> None:
    text, spans = case
    kept = kept_intervals(len(text), spans)
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    cut = {k for a, b in kept for k in range(a, b)} ^ set(range(len(text)))
    expected = "".join(text[k] for k in range(start, end) if k not in cut)
    assert clean_text(text, kept)[to_clean(kept, start) : to_clean(kept, end)] == expected
