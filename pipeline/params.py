"""Every threshold of matching and clustering, its range and its key.

`MatchParams` is immutable and hashes to three keys, one a stage, each with the
keys of the stages before it: what is stored says which parameters made it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields

from pipeline.errors import ParamsError

NORMALISER_VERSION = 2
"""Raised whenever tokens are cut, folded or found to be quoted in another way (`pipeline.text`, `pipeline.quotation`),
or terms are weighed so (`pipeline.terms`)."""

ALIGNER_VERSION = 2
"""Raised whenever `pipeline.align` or `pipeline.kinds` decide in another way."""

GROUPER_VERSION = 2
"""Raised whenever passages, copy clusters or stories are formed in another way."""

MINHASH_SCHEME = "affine32"
"""datasketch's permutation scheme that `pipeline.sketch` computes."""


def _param(default: float, low: float, high: float, stage: str, meaning: str) -> float:
    """A field with a closed range, the stage it belongs to, and what it means."""
    return field(default=default, metadata={"low": low, "high": high, "stage": stage, "meaning": meaning})


def _count(default: int, low: int, high: int, stage: str, meaning: str) -> int:
    return field(default=default, metadata={"low": low, "high": high, "stage": stage, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchParams:
    """Parameters of matching and clustering; the defaults are the measured ones.

    Raises:
        ParamsError: a value is out of its range.
    """

    seed: int = _count(1, 0, 2**32 - 1, "sketch", "seed of the permutations")
    shingle_tokens: int = _count(8, 2, 32, "sketch", "tokens in a shingle of the sliding minima")
    window_shingles: int = _count(5, 1, 64, "sketch", "shingles in a window of the sliding minima")
    unit_min_tokens: int = _count(8, 2, 100, "sketch", "shorter sentences are joined to the next one")
    unit_shingle_tokens: int = _count(2, 1, 8, "sketch", "tokens in a shingle of a unit's signature")
    bands: int = _count(6, 0, 64, "sketch", "bands of a unit's signature; 0: no signatures")
    band_rows: int = _count(4, 1, 16, "sketch", "permutations in a band")

    bucket_articles: int = _count(50, 2, 10_000, "match", "a bucket of more is capped")
    bucket_leaders: int = _count(4, 1, 100, "match", "earliest articles that a capped bucket pairs each member with")
    match_window_days: int | None = field(
        default=None,
        metadata={"low": 1, "high": 36_500, "stage": "match", "meaning": "pairs further apart are not compared; none: all are"},
    )
    verbatim_tokens: int = _count(12, 6, 100, "match", "a verbatim run of as many tokens is always a link")
    companion_tokens: int = _count(8, 4, 100, "match", "shorter stretches, in pairs that have a link")
    gap_tokens: int = _count(10, 0, 100, "match", "widest gap between stretches of a link")
    long_gap_tokens: int = _count(15, 0, 200, "match", "widest gap between stretches of `verbatim_tokens`")
    quote_ratio: float = _param(0.5, 0.0, 1.0, "match", "quoted share of either side that makes a link a quotation")
    recycled_after_days: int = _count(14, 1, 36_500, "match", "links between articles further apart are recycled")

    copy_min_tokens: int = _count(20, 1, 10_000, "cluster", "least weight of a copy edge")
    copy_min_ratio: float = _param(0.10, 0.0, 1.0, "cluster", "least weight as a share of the shorter article")
    copy_enough_tokens: int = _count(60, 1, 100_000, "cluster", "weight that makes an edge whatever the share")
    passage_inside: float = _param(0.8, 0.5, 1.0, "cluster", "share of a place that must lie inside another")
    story_window_days: int = _count(14, 1, 36_500, "cluster", "articles further apart share no story")
    story_min_tokens: int = _count(12, 1, 10_000, "cluster", "tokens in common that make two nodes alike")
    story_passage_likeness: float = _param(0.25, 0.0, 1.0, "cluster", "least likeness of two nodes that share so many tokens")
    story_min_likeness: float = _param(0.20, 0.05, 1.0, "cluster", "least mean likeness of two groups of nodes that are joined")
    story_passage_nodes: int = _count(20, 2, 100_000, "cluster", "a passage in more nodes joins no stories")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            low, high = item.metadata["low"], item.metadata["high"]
            if value is None and item.default is None:
                continue
            is_share = isinstance(item.default, float)
            kinds = (int, float) if is_share else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                what = "number" if is_share else "whole number"
                message = f"{item.name} is {value!r}; it takes a {what} from {low:g} to {high:g} ({item.metadata['meaning']})"
                raise ParamsError(message)
            if is_share:
                object.__setattr__(self, item.name, float(value))  # 1 and 1.0 are one parameter, with one key

    @property
    def num_perm(self) -> int:
        """Permutations of a signature."""
        return self.bands * self.band_rows

    @property
    def sketch_key(self) -> str:
        """Key of what decides tokens and keys."""
        return self._key("sketch", NORMALISER_VERSION, MINHASH_SCHEME)

    @property
    def match_key(self) -> str:
        """Key of what decides links, the sketch key included."""
        return self._key("match", self.sketch_key, ALIGNER_VERSION)

    @property
    def cluster_key(self) -> str:
        """Key of what decides passages, clusters and stories, the match key included."""
        return self._key("cluster", self.match_key, GROUPER_VERSION)

    def _key(self, stage: str, *more: object) -> str:
        chosen = {item.name: getattr(self, item.name) for item in fields(self) if item.metadata["stage"] == stage}
        text = json.dumps([stage, more, chosen], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
