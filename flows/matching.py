"""One text against all that is stored, without storing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from db import queries
from flows.linking import time_order
from flows.sources import find_origins, list_files, read_documents
from pipeline import walk
from pipeline.candidates import StoredKeys, propose, within_window
from pipeline.errors import SourceError
from pipeline.records import BadDocument, keys_from_bytes, keys_to_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from db.engine import Connection
    from flows.settings import Settings
    from pipeline.records import RawDocument, SketchedArticle

_ORIGIN = "\0match"
"""No folder can be called so: the text's id meets no stored one."""


def match_file(conn: Connection, file: Path, settings: Settings) -> list[dict[str, Any]]:
    """The passages that stored articles share with the first document of a file, longest first.

    Raises:
        SourceError: the file cannot be read.
    """
    item = _prepare(file, settings)
    params = settings.match_params
    queries.check_keys(conn, params)
    own = walk.matched_article(item)
    rows = sorted((row for row in queries.index_rows(conn) if row.article_id != own.article_id), key=time_order)
    # Behind all others: the earliest of a large bucket are stored ones, as they will be.
    keys = keys_to_bytes(item.sketch.keys)
    index = StoredKeys([*(row.keys for row in rows), keys]).index(keys_from_bytes(keys))
    marked = np.zeros(index.size, bool)
    marked[-1] = True
    time = item.article.published
    published = [*(row.published for row in rows), (time.start, time.end) if time else None]
    found = within_window(propose(index, marked, params), published, params.match_window_days)
    ids = [rows[k].article_id for k in found.left.tolist()]
    stored, blobs = queries.matched_articles(conn, ids), queries.load_tokens(conn, ids)
    links, _ = walk.link_chunk(
        [own, *(stored[k] for k in ids)],
        [item.sketch.tokens.to_bytes(), *(blobs[k] for k in ids)],
        np.zeros(len(ids), np.int64),
        np.arange(1, len(ids) + 1),
        params,
    )
    shared = []
    for link in sorted(links, key=lambda x: -x.tokens):
        is_left = link.left_article_id == own.article_id
        mine, theirs = (link.left, link.right) if is_left else (link.right, link.left)
        article = queries.article_row(conn, link.right_article_id if is_left else link.left_article_id)
        shared.append(
            {
                "article_id": article["article_id"],
                "source": article["source"],
                "uri": article["uri"],
                "title": article["title"],
                "published_at": article["published_at"],
                "kind": link.kind,
                "tokens": link.tokens,
                "similarity": link.similarity,
                "start": mine.raw_start,
                "end": mine.raw_end,
                "their_start": theirs.raw_start,
                "their_end": theirs.raw_end,
                "text": item.article.raw_text[mine.raw_start : mine.raw_end],
            }
        )
    return shared


def _prepare(file: Path, settings: Settings) -> SketchedArticle:
    for origin in find_origins([file]):
        for found in list_files(origin):
            if isinstance(found, BadDocument):
                raise SourceError(f"{file}: {found.message}", place=str(file))
            for document in read_documents(origin, found, max_document_bytes=settings.max_document_bytes):
                item = document if isinstance(document, BadDocument) else _sketch(document, settings)
                if isinstance(item, BadDocument):
                    raise SourceError(f"{file}: {item.message}", place=str(file))
                return item
    raise SourceError(f"{file} is no text or HTML file; the endings that are read: .txt, .html, .jsonl", place=str(file))


def _sketch(document: RawDocument, settings: Settings) -> SketchedArticle | BadDocument:
    return walk.prepare([document], _ORIGIN, settings.match_params)[0]
