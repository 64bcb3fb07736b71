"""Takedowns: an article is deleted with all that was made of it, and does not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db import queries, store
from db.engine import open_engine, rewrite_file
from flows.run import utc_now
from flows.steps import Summary, decide
from pipeline.errors import StoreError
from pipeline.verdicts import held_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.engine import Connection
    from flows.run import Run
    from flows.settings import Settings


def refuse_forgotten(conn: Connection, name: str) -> int:
    """The id of the stored article that is meant.

    Raises:
        StoreError: there is none, more than one, or it was forgotten already.
    """
    try:
        return queries.find_article(conn, name)
    except StoreError:
        try:
            stone = queries.find_tombstone(conn, name)
        except StoreError:
            stone = None
        if stone is None:
            raise
        message = f"{stone['uri']} was forgotten already, on {stone['made_at']:%Y-%m-%d} by {stone['made_by']}"
        raise StoreError(message) from None


def forget(
    settings: Settings, article_ids: Sequence[int], *, reason: str, by: str, wait_seconds: float = 0.0
) -> tuple[bool, Summary]:
    """Deletes stored articles and all that was made of them, and has their neighbours grouped anew.

    Works whatever parameters made the database: a takedown waits for nothing.

    Returns:
        whether SQLite's file could be written anew, so that no trace is left in it; and what the run did.
    """

    def change(run: Run, conn: Connection) -> None:
        run.cause = article_ids[0]
        given = queries.verdicts(conn)
        for article_id in article_ids:
            store.forget_article(
                conn,
                article_id=article_id,
                reason=reason,
                by=by,
                run_id=run.run_id,
                now=utc_now(),
                touched=held_together([article_id], given),
            )

    _, summary = decide(settings, "forget", change, wait_seconds=wait_seconds, any_params=True)
    engine = open_engine(settings.database_url)
    try:
        return rewrite_file(engine), summary
    finally:
        engine.dispose()


def remember(settings: Settings, *, origin: str, uri: str, wait_seconds: float = 0.0) -> Summary:
    """Lets a forgotten article come back with the next run."""

    def change(_run: Run, conn: Connection) -> None:
        store.lift_tombstone(conn, origin=origin, uri=uri)

    return decide(settings, "forget", change, wait_seconds=wait_seconds, any_params=True)[1]
