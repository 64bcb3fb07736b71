"""What commands print: tables, stories, passages side by side, progress."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from rich.console import RenderableType

    from flows.steps import Summary

QUIET_SECONDS = 2.0
"""Nothing that is over sooner needs to show that it goes on."""

LINE_SECONDS = 10.0
"""Time between two lines of progress where there is no terminal."""

CONTEXT_CHARS = 60
"""Characters shown before and behind a passage."""

KIND_STYLES = {"wire": "bold cyan", "quote": "bold magenta"}


def console() -> Console:
    """Standard output; as wide as the terminal, or 100 columns where there is none."""
    return Console(width=None if sys.stdout.isatty() else 100, highlight=False)


class Progress:
    """Shows how far a long run is: a bar on a terminal, a line now and then elsewhere.

    Nothing is shown of what takes less than two seconds.
    """

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Takes note that a stage has come so far; `total` None: nobody knows of how much."""
        now = time.monotonic()
        if now - self._started < QUIET_SECONDS:
            return
        if sys.stderr.isatty():
            self._draw(stage, done, total)
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            of = f" of {total:,}" if total else ""
            sys.stderr.write(f"{stage}: {done:,}{of}, {now - self._started:.0f} s\n")

    def _draw(self, stage: str, done: int, total: int | None) -> None:
        from rich import progress

        if self._bar is None:
            columns = (
                progress.SpinnerColumn(),
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeElapsedColumn(),
            )
            self._bar = progress.Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(self._tasks[stage], completed=done, total=total)


# ------------------------------------------------------------------- summaries


def plural(number: int, noun: str) -> str:
    """`1 story`, `2 stories`."""
    if number != 1:
        noun = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun}"


def summary_lines(summary: Summary) -> list[str]:
    """What a run did, in a few lines."""
    stored = ", ".join(plural(summary.totals[name], noun) for name, noun in _TOTALS)
    quarantined = f"{plural(summary.quarantined, 'document')} could not be read: see the view `quarantine`."
    if summary.nothing_changed:
        lines = [f"Nothing new: {plural(summary.unchanged, 'article')} unchanged, nothing stored."]
    else:
        counts = [f"{getattr(summary, name):,} {name}" for name in ("new", "changed", "unchanged", "gone")]
        lines = [
            f"Articles: {', '.join(counts)}. Compared {plural(summary.pairs, 'pair')}, found {plural(summary.links, 'link')}."
        ]
    lines.append(f"Stored: {stored}.")
    if summary.quarantined:
        lines.append(quarantined)
    if summary.capped:
        lines.append(f"{plural(summary.capped, 'bucket')} of more articles than are compared with each other (capped).")
    took = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in summary.seconds.items())
    lines.append(f"Seconds: {took}.")
    return lines


_TOTALS = (
    ("articles", "article"),
    ("stories", "story"),
    ("copy_clusters", "copy cluster"),
    ("passages", "passage"),
    ("links", "link"),
)


# ---------------------------------------------------------------------- tables


def day(value: Any) -> str:
    """A time for a table: to the minute, in UTC; empty if unknown."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"


def percent(value: float | None) -> str:
    """A share for a table."""
    return "" if value is None else f"{100 * value:.0f} %"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> Table:
    """A plain table; texts in it are shown as they are."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape(str("" if value is None else value)) for value in row))
    return made


def stories_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Stories, one a line."""
    columns = ("story", "headline", "articles", "sources", "passages", "first published")
    cells = (
        (r["story_id"], r["headline"], r["article_count"], r["source_count"], r["passage_count"], day(r["first_published_at"]))
        for r in rows
    )
    return table(columns, cells, numbers=("articles", "sources", "passages"))


def members_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The articles of a story."""
    cells = (
        (r["membership"], r["source"], day(r["published_at"]), percent(r["copied_ratio"]), r["title"] or r["uri"], r["uri"])
        for r in rows
    )
    return table(("part", "source", "published", "copied", "title", "uri"), cells, numbers=("copied",))


def origins_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The configured sources."""
    return table(("source", "path"), ((r["origin"], r["path"]) for r in rows))


def outlets_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """What is stored of each outlet."""
    columns = ("outlet", "articles", "copied", "quarantined", "last seen")
    cells = (
        (r["source"], r["article_count"], percent(r["copied_ratio"]), r["quarantined"], day(r["last_seen_at"])) for r in rows
    )
    return table(columns, cells, numbers=("articles", "copied", "quarantined"))


def matches_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The passages that stored articles share with a text."""
    cells = ((r["kind"], r["tokens"], percent(r["similarity"]), r["source"], r["uri"], _one_line(r["text"])) for r in rows)
    return table(("kind", "words", "alike", "source", "uri", "text"), cells, numbers=("words", "alike"))


def checked_documents(key: str, documents: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What documents of a source would become."""
    parts: list[RenderableType] = [Text(f"{key}: {plural(len(documents), 'document')} looked at", "bold")]
    for document in documents:
        parts.append(Text(document["uri"], "bold cyan"))
        if "error" in document:
            parts.append(Text(f"  {document['error']}: {document['message']}", "red"))
            continue
        shown = [(name, document[name]) for name in ("source", "title", "author", "agency") if document[name]]
        if document["published"]:
            how = f"{document['published']} ({document['published_precision']}, from {document['published_from']})"
            shown.append(("published", how))
        shown.append(("text", f"{document['chars']:,} characters, {document['tokens']:,} words matched: {document['begins']} …"))
        for removed in document["removed"]:
            verb = "masked" if removed["in_body"] else "cut"
            shown.append((f"{verb} ({removed['rule']})", _one_line(removed["text"])))
        parts.append(Padding(table(("", ""), shown), (0, 0, 1, 2)))
    return Group(*parts)


def passage_lines(passage: Mapping[str, Any], places: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A passage and where it stands."""
    style = KIND_STYLES[passage["kind"]]
    head = Text.assemble((passage["kind"], style), f"  in {plural(passage['article_count'], 'article')}")
    body = Padding(Text(_one_line(passage["text"])), (0, 0, 0, 2))
    cells = ((r["role"], r["source"], day(r["published_at"]), f"{r['start_char']}-{r['end_char']}", r["uri"]) for r in places)
    return Group(head, body, Padding(table(("role", "source", "published", "place", "uri"), cells), (0, 0, 1, 2)))


def side_by_side(kind: str, places: Sequence[tuple[Mapping[str, Any], str]]) -> Table:
    """A passage in two articles next to each other, with what stands around it.

    Args:
        kind: `wire` or `quote`.
        places: two rows of `passage_occurrence` with `uri`, and the articles' clean texts.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), expand=True)
    cells = []
    for row, text in places:
        made.add_column(escape(f"{row['source']}: {row['uri']}"), ratio=1, header_style="bold")
        start, end = row["start_char"], row["end_char"]
        before = _one_line(text[max(0, start - CONTEXT_CHARS) : start], end=" ")
        behind = _one_line(text[end : end + CONTEXT_CHARS], start=" ")
        cells.append(Text.assemble((before, "dim"), (_one_line(text[start:end]), KIND_STYLES[kind]), (behind, "dim")))
    made.add_row(*cells)
    return made


def _one_line(text: str, *, start: str = "", end: str = "") -> str:
    """The text with all white space as single blanks; at an edge with a blank only where there was one."""
    words = " ".join(text.split())
    before = start if text[:1].isspace() else ""
    behind = end if text[-1:].isspace() else ""
    return before + words + behind
