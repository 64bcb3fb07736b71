"""Small tuples that `db.store` takes and `db.queries` gives, beside the records of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from pipeline.records import Article, Link


FREQUENCIES = "frequencies"
"""Name of the frozen table of document frequencies."""


LINKED = "linked"
"""A `clustered_key` that says: this article has new links, nothing else about it is new. It waits for clustering, but is
no reason to form its story anew."""


class FileState(NamedTuple):
    """What decides whether a file is read again; `side_hash` is of its side inputs."""

    size: int
    mtime_ns: int
    side_hash: str


class Saved(NamedTuple):
    """How many articles of a batch were new, changed, unchanged."""

    new: int
    changed: int
    unchanged: int


class RunCounts(NamedTuple):
    """What a run did, for the run log."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    quarantined: int = 0
    capped: int = 0


class IndexRow(NamedTuple):
    """An article for the index of keys; `keys` is a blob of sorted uint64, `waiting`: not yet matched."""

    article_id: int
    published_start: dt.datetime | None
    published_end: dt.datetime | None
    waiting: bool
    keys: bytes

    @property
    def published(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Beginning and end of the publication time, if it is known."""
        if self.published_start is None or self.published_end is None:
            return None
        return self.published_start, self.published_end


class StoredLink(NamedTuple):
    """A link, its id and the passage that it belongs to, if it was put into one."""

    link_id: int
    link: Link
    passage_id: int | None


class StoredArticle(NamedTuple):
    """All that an article's text can be made from anew; `page` is HTML."""

    article: Article
    kept: tuple[tuple[int, int], ...]
    given: Mapping[str, str]
    page: bytes | None
    text_key: str
    sketch_key: str


class Grouping(NamedTuple):
    """Where an article stands; `is_lead`: it leads its copy cluster, or is in none."""

    story_id: int | None
    copy_cluster_id: int | None
    is_lead: bool


class NodeRow(NamedTuple):
    """A copy cluster, by its lead, or a lone article; times in seconds since 1970; `terms` is a blob of uint32."""

    article_id: int
    published_start: int | None
    published_end: int | None
    terms: bytes

    @property
    def seconds(self) -> tuple[int, int] | None:
        """When it was published, None if that is not known."""
        if self.published_start is None or self.published_end is None:
            return None
        return self.published_start, self.published_end
