"""Verdicts: what a person says about two articles, checked against what is stored and what was said before.

A verdict is composed twice: to refuse it before a run is begun, and inside the
transaction that stores it.
"""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from db import queries, store
from flows.run import utc_now
from flows.steps import Summary, decide
from pipeline.errors import VerdictError
from pipeline.records import JudgedPlace, Tokens, Verdict
from pipeline.verdicts import find_contradicted, find_place, find_words, held_together, is_meant, subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.engine import Connection
    from flows.run import Run
    from flows.settings import Settings
    from pipeline.records import Link, Ruling, Subject

_OFFSETS = re.compile(r"(\d+)-(\d+)")

LISTED = 5
"""Places that a message about an ambiguous text lists."""


@dataclass(frozen=True)
class Statement:
    """What a person says.

    Attributes:
        ruling: `same`, `different`, `wire` or `quote`.
        one, other: the articles as they were named.
        about: `copy` or `story`; of no meaning for a kind.
        at: words of `one`, or raw offsets in it as `120-340`; None: all that the two share.
        by: who; note: why.
    """

    ruling: Ruling
    one: str
    other: str
    about: Subject = "story"
    at: str | None = None
    by: str = ""
    note: str = ""


def current_user() -> str:
    """Who runs this program."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


# ----------------------------------------------------------------- composing


def compose(conn: Connection, said: Statement) -> Verdict:
    """The verdict that a statement is; one that was given already comes back with its number, others with 0.

    Raises:
        StoreError: an article is not there, or not the only one of that name.
        VerdictError: it contradicts another verdict, or there is nothing to judge.
    """
    one, other = queries.find_article(conn, said.one), queries.find_article(conn, said.other)
    if one == other:
        raise VerdictError(f"{said.one!r} and {said.other!r} are one article; a verdict is about two")
    about = subject_of(said.ruling, said.about)
    place = None if said.at is None or about != "passage" else _place(conn, one, said.at)
    left, right = min(one, other), max(one, other)
    verdict = Verdict(0, said.ruling, about, left, right, said.by or current_user(), place)
    given = queries.verdicts(conn)
    for earlier in given:
        if replace(earlier, verdict_id=0, by=verdict.by) == verdict:
            return earlier
    contradicted = _contradicted_kinds(conn, verdict, given) if about == "passage" else find_contradicted(verdict, given)
    if contradicted:
        raise VerdictError(_refusal(conn, contradicted))
    return verdict


def _place(conn: Connection, article_id: int, at: str) -> JudgedPlace:
    """The place in an article that words or offsets mean.

    Raises:
        VerdictError: they stand nowhere, or at several places.
    """
    article = queries.article_row(conn, article_id)
    tokens, raw = _tokens(conn, article_id), article["raw_text"]
    if offsets := _OFFSETS.fullmatch(at.strip()):
        span = int(offsets[1]), int(offsets[2])
    else:
        found = find_words(at, tokens)
        if not found:
            raise VerdictError(f"{at!r} does not stand in {article['uri']}; give words of it, or offsets as 120-340")
        if len(found) > 1:
            places = ", ".join(f"{start}-{end}" for start, end in found[:LISTED])
            raise VerdictError(f"{at!r} stands {len(found)} times in {article['uri']}; give one of the places: {places}")
        span = found[0]
    inside = np.flatnonzero((tokens.starts >= span[0]) & (tokens.ends <= span[1])).tolist()
    if not inside:
        raise VerdictError(f"no word of {article['uri']} stands at {at}; offsets count in the raw text, as the views show them")
    bounds = [(int(tokens.starts[k]), int(tokens.ends[k])) for k in inside]
    words = " ".join(raw[start:end] for start, end in bounds)
    return JudgedPlace(article_id, bounds[0][0], bounds[-1][1], words)


def _tokens(conn: Connection, article_id: int) -> Tokens:
    return Tokens.from_bytes(queries.load_tokens(conn, [article_id])[article_id])


def _meant(conn: Connection, verdict: Verdict) -> set[int] | None:
    """The links that a verdict about a kind means now, by link_id; None if its words are not found any more."""
    links = {item.link_id: item.link for item in queries.links_of(conn, [verdict.left_article_id])}
    shared: dict[int, Link] = {k: link for k, link in links.items() if link.right_article_id == verdict.right_article_id}
    if verdict.place is None:
        return set(shared)
    article_id = verdict.place.article_id
    span = find_place(verdict.place, _tokens(conn, article_id))
    return None if span is None else {k for k, link in shared.items() if is_meant(link, article_id, span)}


def _contradicted_kinds(conn: Connection, verdict: Verdict, given: Sequence[Verdict]) -> list[Verdict]:
    """Verdicts that give a link another kind; one about a place is an exception to one about all links, not against it.

    Raises:
        VerdictError: there is no link to judge.
    """
    meant = _meant(conn, verdict)
    if not meant:
        where = " there" if verdict.place else ""
        raise VerdictError(f"the two articles share no passage{where}, so there is nothing to judge")
    rivals = [
        v for v in given if v.pair == verdict.pair and v.about == "passage" and (v.place is None) == (verdict.place is None)
    ]
    return [v for v in rivals if v.ruling != verdict.ruling and meant & (_meant(conn, v) or set())][:1]


def _refusal(conn: Connection, contradicted: Sequence[Verdict]) -> str:
    rows = {row["verdict_id"]: row for row in queries.verdict_rows(conn)}
    said = "; ".join(f"verdict {v.verdict_id}, {describe(rows[v.verdict_id])}" for v in contradicted)
    first = contradicted[-1].verdict_id
    return f"this contradicts {said}: withdraw one first, as with `wirecopy verdict withdraw {first}`"


def describe(row: Mapping[str, Any]) -> str:
    """A verdict in words: `a.txt and b.txt are one story (by ann)`."""
    names = {side: row[f"{side}_uri"] for side in ("left", "right")}
    if names["left"] == names["right"]:
        names = {side: f"{row[f'{side}_origin']}/{row[f'{side}_uri']}" for side in names}
    what = {
        ("same", "story"): "are on one story",
        ("same", "copy"): "are copies of one report",
        ("different", "story"): "are on different stories",
        ("different", "copy"): "are not copies of one report",
        ("wire", "passage"): "share wire copy",
        ("quote", "passage"): "share a quotation",
    }[row["ruling"], row["about"]]
    where = f" at “{row['words']}”" if row["words"] else ""
    return f"{names['left']} and {names['right']} {what}{where} (by {row['made_by']})"


# ------------------------------------------------------- giving, withdrawing


def give(settings: Settings, said: Statement, *, wait_seconds: float = 0.0) -> tuple[int, Summary]:
    """Stores a verdict and has what it touches grouped anew; returns its number and what the run did.

    Raises:
        StoreError, VerdictError: as `compose`.
    """

    def change(run: Run, conn: Connection) -> int:
        verdict = compose(conn, said)
        if verdict.verdict_id:
            return verdict.verdict_id
        run.cause = queries.find_article(conn, said.one)
        touched = _touched(verdict, [*queries.verdicts(conn), verdict])
        return store.save_verdict(conn, verdict, note=said.note, now=utc_now(), touched=touched)

    return decide(settings, "verdict", change, wait_seconds=wait_seconds)


def withdraw(settings: Settings, verdict_id: int, *, wait_seconds: float = 0.0) -> Summary:
    """Takes a verdict back and has what it touched grouped anew.

    Raises:
        VerdictError: there is no such verdict.
    """

    def change(run: Run, conn: Connection) -> None:
        given = queries.verdicts(conn)
        verdict = find_verdict(conn, verdict_id)
        run.cause = verdict.left_article_id
        store.withdraw_verdict(conn, verdict, touched=_touched(verdict, given))

    return decide(settings, "verdict", change, wait_seconds=wait_seconds)[1]


def _touched(verdict: Verdict, given: Sequence[Verdict]) -> set[int]:
    return set() if verdict.about == "passage" else held_together(verdict.pair, given)


def find_verdict(conn: Connection, verdict_id: int) -> Verdict:
    """The verdict of that number.

    Raises:
        VerdictError: there is none.
    """
    for verdict in queries.verdicts(conn):
        if verdict.verdict_id == verdict_id:
            return verdict
    raise VerdictError(f"there is no verdict {verdict_id}; `wirecopy verdict list` lists them")


def list_verdicts(conn: Connection) -> list[dict[str, Any]]:
    """All verdicts, the first one first, with `idle`: why one does nothing now, else None."""
    rows = {row["verdict_id"]: row for row in queries.verdict_rows(conn)}
    return [rows[v.verdict_id] | {"idle": _idle(conn, v)} for v in queries.verdicts(conn)]


def _idle(conn: Connection, verdict: Verdict) -> str | None:
    if verdict.about != "passage":
        return None
    meant = _meant(conn, verdict)
    if meant is None:
        return "the words are not in the article any more"
    return None if meant else "the two share no passage there any more"
