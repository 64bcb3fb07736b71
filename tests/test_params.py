"""Thresholds: their ranges, and which keys they change."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from pipeline.errors import ParamsError
from pipeline.params import MatchParams

DEFAULTS = MatchParams()
STAGES = ("sketch", "match", "cluster")


def keys_of(params: MatchParams) -> list[str]:
    return [params.sketch_key, params.match_key, params.cluster_key]


@pytest.mark.parametrize("item", fields(MatchParams), ids=lambda item: item.name)
def test_both_ends_of_a_range_are_taken_and_nothing_beyond(item: object) -> None:
    name, metadata = item.name, item.metadata  # type: ignore[attr-defined]
    for value in (metadata["low"], metadata["high"]):
        assert getattr(replace(DEFAULTS, **{name: value}), name) == value
    for value in (metadata["low"] - 1, metadata["high"] + 1, "12", True, float("nan")):
        with pytest.raises(ParamsError, match=name):
            replace(DEFAULTS, **{name: value})


def test_a_count_is_a_whole_number() -> None:
    taken = []
    for item in fields(MatchParams):
        if item.type == "int":
            try:
                replace(DEFAULTS, **{item.name: item.metadata["low"] + 0.5})
                taken.append(item.name)
            except ParamsError:
                continue
    assert taken == []


@pytest.mark.parametrize("item", fields(MatchParams), ids=lambda item: item.name)
def test_a_parameter_changes_the_key_of_its_stage_and_of_those_behind(item: object) -> None:
    name, metadata = item.name, item.metadata  # type: ignore[attr-defined]
    value = metadata["low"] if getattr(DEFAULTS, name) != metadata["low"] else metadata["high"]
    changed = [one != other for one, other in zip(keys_of(DEFAULTS), keys_of(replace(DEFAULTS, **{name: value})), strict=True)]
    first = STAGES.index(metadata["stage"])
    assert changed == [k >= first for k in range(3)]


def test_equal_parameters_have_equal_keys_of_their_own() -> None:
    assert keys_of(MatchParams()) == keys_of(MatchParams())
    assert len(set(keys_of(MatchParams()))) == 3
    assert keys_of(replace(DEFAULTS, quote_ratio=1)) == keys_of(replace(DEFAULTS, quote_ratio=1.0))


def test_the_defaults_are_those_of_the_data_model() -> None:
    stated = {
        "shingle_tokens": 8,
        "window_shingles": 5,
        "bucket_articles": 50,
        "bucket_leaders": 4,
        "verbatim_tokens": 12,
        "companion_tokens": 8,
        "gap_tokens": 10,
        "long_gap_tokens": 15,
        "quote_ratio": 0.5,
        "recycled_after_days": 14,
        "copy_min_tokens": 20,
        "copy_min_ratio": 0.10,
        "copy_enough_tokens": 60,
        "passage_inside": 0.8,
        "story_window_days": 14,
        "story_min_tokens": 12,
        "story_passage_nodes": 20,
        "match_window_days": None,
    }
    assert {name: getattr(DEFAULTS, name) for name in stated} == stated
    assert DEFAULTS.shingle_tokens + DEFAULTS.window_shingles - 1 == DEFAULTS.verbatim_tokens
