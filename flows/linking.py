"""Matching what is marked: candidates from the index of keys, alignment in workers, links saved.

A chunk of marked articles is one transaction. The pairs of a chunk are those of
its articles with everything that is matched already or comes in an earlier chunk.
"""

from __future__ import annotations

import bisect
import datetime as dt
import logging
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from db import queries, store
from pipeline import walk
from pipeline.candidates import KeyIndex, StoredKeys, disturbed, propose, within_window
from pipeline.records import keys_from_bytes
from pipeline.verdicts import by_pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from db.rows import IndexRow
    from flows.run import Run
    from pipeline.records import Link, MatchedArticle, Pair, Verdict

log = logging.getLogger(__name__)

CHUNK_ARTICLES = 1_000
"""Marked articles of a transaction: with some 15 pairs each, a second of work."""

SMALL_CHUNK = 2_000
"""Pairs up to which alignment is not worth starting processes for: a tenth of a second."""

MOST_TOUCHING = 0.1
"""Share of marked articles up to which the index is built around their keys only; above, sorting all is as fast."""

_UNKNOWN = dt.datetime.max.replace(tzinfo=dt.UTC)


def time_order(row: IndexRow) -> tuple[dt.datetime, dt.datetime, int]:
    """The time key of a stored article."""
    return (row.published_end or _UNKNOWN, row.published_start or _UNKNOWN, row.article_id)


class Linking:
    """The matching of one run; `plan`, then `save_chunk` for each chunk in order."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ids: NDArray[np.int64] = np.zeros(0, np.int64)
        self._chunks: list[NDArray[np.int64]] = []
        self._pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._ahead: deque[Future[tuple[list[Link], list[Pair]]]] = deque()
        self._sent = 0
        self._verdicts: dict[tuple[int, int], list[Verdict]] = {}
        self._articles: dict[int, MatchedArticle] = {}  # some 500 bytes each

    def plan(self) -> int:
        """Marks what is disturbed, finds the candidate pairs of all that is marked; returns how many chunks."""
        run = self._run
        with run.stage("candidates"):
            with run.reading() as conn:
                waiting = bool(queries.articles_to_match(conn)) or bool(queries.has_retired(conn))
                rows = sorted(queries.index_rows(conn), key=time_order) if waiting else []
                retired = sorted(queries.retired_rows(conn), key=time_order) if waiting else []
                self._verdicts = by_pair(queries.verdicts(conn)) if waiting else {}
            if not waiting:
                return 0
            marked = np.array([row.waiting for row in rows], bool)
            stored = StoredKeys([row.keys for row in rows])
            index = _index_around(rows, stored, marked, [row.keys for row in retired])
            found = self._mark_disturbed(rows, index, marked, retired)
            if found.any():
                marked |= found
                index = _index_around(rows, stored, marked, [])
            self._find_pairs(rows, index, marked)
        return len(self._chunks)

    def _mark_disturbed(
        self, rows: Sequence[IndexRow], index: KeyIndex, marked: NDArray[np.bool_], retired: Sequence[IndexRow]
    ) -> NDArray[np.bool_]:
        order = [time_order(row) for row in rows]
        positions = [bisect.bisect_left(order, time_order(row)) for row in retired]
        gone = StoredKeys([row.keys for row in retired], positions).index()
        found = disturbed(index, marked, gone, self._run.params) & ~marked
        with self._run.writing() as conn:
            store.mark_for_matching(conn, [rows[k].article_id for k in np.flatnonzero(found).tolist()])
            store.clear_retired(conn)
        return found

    def _find_pairs(self, rows: Sequence[IndexRow], index: KeyIndex, marked: NDArray[np.bool_]) -> None:
        run = self._run
        published = [row.published for row in rows]
        candidates = within_window(propose(index, marked, run.params), published, run.params.match_window_days)
        left, right = candidates.left, candidates.right
        run.counts["capped"] += candidates.capped
        run.counts["pairs"] += len(left)
        self._ids = np.array([row.article_id for row in rows], np.int64)
        places = np.flatnonzero(marked)
        self._chunks = [self._ids[places[at : at + CHUNK_ARTICLES]] for at in range(0, len(places), CHUNK_ARTICLES)]
        chunk_of = np.full(len(rows), -1, np.int64)
        chunk_of[places] = np.arange(len(places)) // CHUNK_ARTICLES
        chunk = np.maximum(chunk_of[left], chunk_of[right])
        order = np.argsort(chunk, kind="stable")
        bounds = np.searchsorted(chunk[order], np.arange(len(self._chunks) + 1))
        self._pairs = [
            (left[order[a:b]], right[order[a:b]]) for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ]
        log.info("%d articles to match, %d candidate pairs, %d buckets capped", len(places), len(left), candidates.capped)

    def save_chunk(self, number: int) -> None:
        """Matches a chunk and saves its links in one transaction; later chunks are computed ahead."""
        run = self._run
        with run.stage("align"):
            while self._sent < len(self._chunks) and len(self._ahead) <= run.settings.workers:
                self._ahead.append(self._submit(self._sent))
                self._sent += 1
            links, pairs = self._ahead.popleft().result()
        with run.stage("save links"), run.writing() as conn:
            store.save_matches(
                conn, article_ids=self._chunks[number].tolist(), links=links, pairs=pairs, match_key=run.params.match_key
            )
        run.counts["links"] += len(links)
        run.report("matching", number + 1, len(self._chunks))

    def _submit(self, number: int) -> Future[tuple[list[Link], list[Pair]]]:
        left, right = self._pairs[number]
        places, inverse = np.unique(np.concatenate((left, right)), return_inverse=True)
        ids = self._ids[places].tolist()
        with self._run.reading() as conn:
            self._articles |= queries.matched_articles(conn, set(ids) - self._articles.keys())
            blobs = queries.load_tokens(conn, ids)
        articles = self._articles
        named = set(ids) if self._verdicts else set()
        executor = self._run.executor(small=len(self._chunks) == 1 and len(left) <= SMALL_CHUNK)
        return executor.submit(
            walk.link_chunk,
            [articles[k] for k in ids],
            [blobs[k] for k in ids],
            inverse[: len(left)],
            inverse[len(left) :],
            self._run.params,
            verdicts=[item for pair, given in self._verdicts.items() if named.issuperset(pair) for item in given],
        )


def _index_around(rows: Sequence[IndexRow], stored: StoredKeys, marked: NDArray[np.bool_], more: Sequence[bytes]) -> KeyIndex:
    """The index as far as the keys of marked articles (and `more` keys) go; of many marked ones, all of it."""
    if marked.sum() >= MOST_TOUCHING * len(rows):
        return stored.index()
    return stored.index(keys_from_bytes(b"".join([*more, *(rows[k].keys for k in np.flatnonzero(marked).tolist())])))
