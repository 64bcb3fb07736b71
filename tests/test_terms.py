"""Terms, their weights, and likeness: exact, whatever else is in a batch."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline import terms
from pipeline.records import TERM_BITS, Frequencies
from pipeline.terms import COMMON, ONE, RAREST, Rarities, alike, article_terms, count_documents, rarity, shipped, weigh
from pipeline.text import tokenize

NONE = Frequencies(0, np.zeros(0, np.uint32), np.zeros(0, np.uint32))
WORDS = [f"{a}{b}" for a in ("bridge", "Ministry", "ferry", "quota", "Harbour") for b in ("", "s", "ing", "ed")]


def terms_of(text: str, title: str | None = None) -> NDArray[np.uint32]:
    return article_terms(tokenize(text, ()), text, title)


def weight(text: str, word: str, title: str | None = None) -> int:
    (wanted,) = (tokenize(word, ()).hashes >> np.uint32(32 - TERM_BITS)).tolist()
    return {int(term) >> 8: int(term) & 255 for term in terms_of(text, title)}.get(wanted, 0)


def test_what_stands_first_in_capitals_or_in_the_title_counts_more() -> None:
    text = " ".join(["the ferry Rosalind"] + ["word"] * 97 + ["quota Harbour"] + ["word"] * 298 + ["beyond"])
    assert weight(text, "ferry") == 2
    assert weight(text, "rosalind") == 4
    assert weight(text, "quota") == 1
    assert weight(text, "harbour") == 2
    assert weight(text, "beyond") == 0
    assert weight(text, "beyond", title="Beyond") == 3
    assert weight(text, "ferry", title="Ferry") == 5
    assert weight(text, "word") == 255


def test_terms_are_sorted_and_unique() -> None:
    found = terms_of(" ".join(WORDS * 3)) >> np.uint32(8)
    assert (np.diff(found.astype(np.int64)) > 0).all()
    assert len(terms_of("")) == 0


def test_frequencies_survive_bytes() -> None:
    made = count_documents([terms_of("a ferry and a bridge"), terms_of("a ferry"), terms_of("a quota")])
    again = Frequencies.from_bytes(made.to_bytes())
    assert again.documents == 3
    assert again.terms.tolist() == made.terms.tolist()
    assert sorted(again.counts.tolist()) == [2, 3]  # "ferry" and "a"; what stands in one article is left out
    assert Frequencies.from_bytes(NONE.to_bytes()).documents == 0


def test_the_shipped_frequencies_know_english() -> None:
    said = rarity(NONE)
    value = dict(zip(said.terms.tolist(), said.says.tolist(), strict=True))

    def says(word: str) -> int | None:
        return value.get(int(tokenize(word, ()).hashes[0] >> np.uint32(32 - TERM_BITS)))

    assert says("the") == 0
    assert says("and") == 0
    assert 0 < (says("police") or 0) < (says("bridge") or 0)
    assert says("zyxwv") is None
    assert (np.diff(shipped().terms.astype(np.int64)) > 0).all()
    assert shipped().counts.max() <= shipped().documents


def test_a_store_of_its_own_speaks_louder_as_it_grows() -> None:
    (ferry,) = terms_of("ferry") >> np.uint32(8)
    before = dict(zip(*(part.tolist() for part in rarity(NONE)), strict=True)).get(int(ferry), math.inf)
    small = rarity(Frequencies(50, np.array([ferry], np.uint32), np.array([25], np.uint32)))
    large = rarity(Frequencies(5_000, np.array([ferry], np.uint32), np.array([2_500], np.uint32)))
    found = [dict(zip(*(part.tolist() for part in said), strict=True))[int(ferry)] for said in (small, large)]
    assert before > found[0] > found[1] == 0  # half of 5,000 is common


def test_rarity_keeps_its_bounds() -> None:
    says = rarity(NONE).says
    assert says.min() == 0
    assert says.max() <= round(-256 * math.log(RAREST))
    assert says[says > 0].min() >= math.floor(-256 * math.log(COMMON))


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)
rarities = st.just(rarity(NONE))


@given(st.lists(texts, min_size=1, max_size=8))
@settings(max_examples=100)
def test_likeness_is_the_cosine(chosen: list[str]) -> None:
    said = rarity(NONE)
    vectors = weigh([terms_of(text) for text in chosen], said)
    one, other, score = alike(vectors, vectors, 1)
    found = {(a, b): value / ONE for a, b, value in zip(one.tolist(), other.tolist(), score.tolist(), strict=True)}
    value = dict(zip(said.terms.tolist(), said.says.tolist(), strict=True))
    rows = [plain_vector(text, value) for text in chosen]
    for a, row in enumerate(rows):
        for b, column in enumerate(rows):
            assert found.get((a, b), 0.0) == pytest.approx(cosine(row, column), abs=2e-3)


def plain_vector(text: str, value: dict[int, int]) -> dict[int, float]:
    rarest = round(-256 * math.log(RAREST))
    return {
        int(term) >> 8: (1 + math.log(int(term) & 255)) * value.get(int(term) >> 8, rarest) for term in terms_of(text).tolist()
    }


def cosine(one: dict[int, float], other: dict[int, float]) -> float:
    lengths = math.dist(one.values(), [0] * len(one)) * math.dist(other.values(), [0] * len(other))
    return sum(one[k] * other[k] for k in one.keys() & other.keys()) / lengths if lengths else 0.0


@given(st.lists(texts, min_size=2, max_size=8), st.data())
@settings(max_examples=100)
def test_likeness_depends_on_its_two_articles_alone(chosen: list[str], data: st.DataObject) -> None:
    said = rarity(NONE)
    made = [terms_of(text) for text in chosen]
    vectors = weigh(made, said)
    all_pairs = {(a, b): v for a, b, v in zip(*(x.tolist() for x in alike(vectors, vectors, 1)), strict=True)}
    order = data.draw(st.permutations(range(len(made))))
    some = order[: len(made) // 2 + 1]
    ours = weigh([made[k] for k in some], said)
    taken = vectors.take(np.array(order, np.int64))
    for a, b, v in zip(*(x.tolist() for x in alike(ours, taken, 1)), strict=True):
        assert all_pairs[some[a], order[b]] == v
    assert len(alike(ours, taken, 1)[0]) == sum(a in some for a, _ in all_pairs)


def test_large_and_small_look_ups_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [terms_of(" ".join(WORDS[k:])) for k in range(10)]
    said = rarity(NONE)
    few = weigh(made, said)
    found = alike(few, few, 1)
    monkeypatch.setattr(terms, "_MANY_TERMS", 0)
    many = weigh(made, said)
    assert many.weights.tolist() == few.weights.tolist()
    assert [x.tolist() for x in alike(many, many, 1)] == [x.tolist() for x in found]


def test_articles_without_terms_are_like_nothing() -> None:
    vectors = weigh([terms_of(""), terms_of("the and of"), terms_of("ferry")], rarity(NONE))
    one, other, _ = alike(vectors, vectors, 1)
    assert Counter(zip(one.tolist(), other.tolist(), strict=True)) == {(2, 2): 1}
    nothing = weigh([], Rarities(np.zeros(0, np.uint32), np.zeros(0, np.int64)))
    assert len(nothing) == 0
    assert len(alike(nothing, vectors, 1)[0]) == 0
