"""Takedowns: an article is deleted with all that was made of it, and does not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db import queries, store
from db.engine import empty_log, open_engine
from flows.run import utc_now
from flows.steps import Summary, decide
from pipeline.errors import StoreError
from pipeline.verdicts import held_together

if TYPE_CHECKING:
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


def forget(settings: Settings, article_id: int, *, reason: str, by: str, wait_seconds: float = 0.0) -> tuple[bool, Summary]:
    """Deletes a stored article and all that was made of it, and has its neighbours grouped anew.

    Works whatever parameters made the database: a takedown waits for nothing.

    Returns:
        whether no trace is left in SQLite's log; False while another program reads an older state.
    """

    def change(run: Run, conn: Connection) -> None:
        run.cause = article_id
        store.forget_article(
            conn,
            article_id=article_id,
            reason=reason,
            by=by,
            run_id=run.run_id,
            now=utc_now(),
            touched=held_together([article_id], queries.verdicts(conn)),
        )

    _, summary = decide(settings, "forget", change, wait_seconds=wait_seconds, any_params=True)
    engine = open_engine(settings.database_url, must_exist=True)
    try:
        return empty_log(engine), summary
    finally:
        engine.dispose()


def remember(settings: Settings, *, origin: str, uri: str, wait_seconds: float = 0.0) -> Summary:
    """Lets a forgotten article come back with the next run."""

    def change(_run: Run, conn: Connection) -> None:
        store.lift_tombstone(conn, origin=origin, uri=uri)

    return decide(settings, "forget", change, wait_seconds=wait_seconds, any_params=True)[1]
