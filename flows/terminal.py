"""What commands print: tables, stories, passages side by side, progress.

Texts come from anywhere and go to a terminal, which obeys control characters: all
that is printed goes through `visible` and stands in a `Text`, so that neither escape
sequences nor rich's `[markup]` nor its `:emoji:` codes in an article mean anything.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from types import TracebackType

    from rich.console import RenderableType

    from flows.steps import Summary

QUIET_SECONDS = 2.0
"""Nothing that is over sooner needs to show that it goes on."""

LINE_SECONDS = 10.0
"""Time between two lines of progress where there is no terminal."""

COLUMNS = 100
"""Width where there is no terminal and COLUMNS does not say another."""

CONTEXT_CHARS = 60
"""Characters shown before and behind a passage."""

TITLE_CHARS = 120
"""A longer title is cut: it is a text that was taken for one."""

PASSAGE_CHARS = 420
"""Characters of a passage in a list; some four lines of a terminal."""

SIDE_CHARS = 900
"""Characters of a passage side by side; some twenty lines of half a terminal."""

CUT = "[…]"
"""Where a text goes on that is not shown in full."""

SHORT_ID = 8
"""Digits of a story's id in a table: among 100,000 stories one in 1,000 shares them with another."""

KIND_STYLES = {"wire": "cyan", "quote": "magenta"}

# What a terminal would obey instead of show: C0 and C1 controls, DEL, and the marks that turn the direction of text.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text in one line, without anything that a terminal obeys: controls are U+FFFD, direction marks are gone."""
    return _CONTROLS.sub("\ufffd", _DIRECTIONS.sub("", " ".join(text.split())))


def visible_json(text: str) -> str:
    """JSON with the controls that `json.dumps` leaves as they are written as escapes; it means the same."""
    return re.sub(
        f"{_CONTROLS.pattern}|{_DIRECTIONS.pattern}",
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}",
        text,
    )


def console() -> Console:
    """Standard output, as wide as the terminal."""
    return Console(width=shutil.get_terminal_size((COLUMNS, 24)).columns, highlight=False)


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
        if summary.back:
            counts.append(f"{summary.back:,} back again")
        lines = [
            f"Articles: {', '.join(counts)}. Compared {plural(summary.pairs, 'pair')}, found {plural(summary.links, 'link')}."
        ]
    lines.append(f"Stored: {stored}.")
    if summary.forgotten:
        lines.append(f"Left out, since they were forgotten: {plural(summary.forgotten, 'document')} (`wirecopy forget --list`).")
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


def moment(value: dt.datetime | None) -> str:
    """A time for a table: to the minute, in UTC; empty if unknown."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"


def published(row: Mapping[str, Any]) -> str:
    """When an article was published, as exactly as is known: of a day, that day in the zone of its source."""
    start, end = row["published_at"], row["published_end"]
    if start is None or row["published_precision"] != "day":
        return moment(start)
    middle: dt.datetime = start + (end - start) / 2
    return f"{middle:%Y-%m-%d}"


def percent(value: float | None) -> str:
    """A share for a table."""
    return "" if value is None else f"{100 * value:.0f} %"


def shortened(text: str, length: int) -> str:
    """The text in one line, cut behind a word if it is longer."""
    text = visible(text)
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + " …"


def headline(row: Mapping[str, Any]) -> str:
    """A story's headline. One of 80 characters is the beginning of a text without a title, cut anywhere by the view."""
    text = row["headline"] or "(no text)"
    return shortened(text + "…" if len(text) == 80 else text, 80 if len(text) == 80 else TITLE_CHARS)


def short_ids(ids: Sequence[int]) -> list[str]:
    """How ids begin, long enough to tell them apart; what `wirecopy show` takes."""
    texts = list(map(str, ids))
    digits = SHORT_ID
    while len({text[:digits] for text in texts}) < len(set(texts)):
        digits += 1
    return [text[:digits] for text in texts]


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    unbroken: Sequence[str] = (),
    header: bool = True,
) -> Table:
    """A plain table; texts in it are shown as they are, a `Text` in its own style.

    Args:
        columns: their names.
        rows: a cell for each.
        numbers: columns that are set to the right; never broken into lines.
        unbroken: other columns that are not.
        header: whether the names are shown.
    """
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=header, padding=(0, 2, 0, 0))
    for name in columns:
        right = name in numbers
        made.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right or name in unbroken)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(visible("" if cell is None else str(cell))) for cell in row))
    return made


def stories_table(rows: Sequence[Mapping[str, Any]], *, narrow: bool = False) -> Table:
    """Stories, one a row; `narrow`: days instead of minutes, which leaves room for the headline."""
    columns = ("story", "articles", "sources", "passages", "published", "headline")
    digits = len("2026-03-28") if narrow else None
    cells = (
        (
            Text(name, "yellow"),
            *(r[f"{counted}_count"] for counted in ("article", "source", "passage")),
            moment(r["first_published_at"])[:digits],
            headline(r),
        )
        for name, r in zip(short_ids([r["story_id"] for r in rows]), rows, strict=True)
    )
    return table(columns, cells, numbers=("articles", "sources", "passages"), unbroken=("story", "published"))


def story_head(row: Mapping[str, Any]) -> RenderableType:
    """What a story is, in three lines."""
    counts = [plural(row[f"{name}_count"], name) for name in ("article", "source", "passage")]
    first, last = moment(row["first_published_at"]), moment(row["last_published_at"])
    times = f"published {first} to {last} UTC" if first != last else f"published {first} UTC" if first else "undated"
    lines = (f"story {row['story_id']}: {', '.join(counts)}", f"{times}\n")
    return Group(Text(headline(row), "bold"), *(Text(line, "dim") for line in lines))


def members_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The articles of a story, numbered: rows of `story_member` with `uri`, `published_end` and `published_precision`."""
    digits = len(str(len(rows)))
    cells = (
        (
            f"{number:{digits}} {r['membership']}",
            published(r),
            percent(r["copied_ratio"]),
            _article(r["source"], r["title"], r["uri"]),
        )
        for number, r in enumerate(rows, 1)
    )
    return table(("part", "published", "copied", "article"), cells, numbers=("copied",), unbroken=("part", "published"))


def _article(source: str, title: str | None, uri: str) -> Text:
    """An article in two lines: outlet and title, then its uri."""
    shown = f"{visible(source)}: {shortened(title, TITLE_CHARS)}" if title else visible(source)
    return Text.assemble(shown, "\n", (visible(uri), "dim"))


def origins_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The configured sources."""
    return table(("source", "path"), ((r["origin"], r["path"]) for r in rows))


def outlets_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """What is stored of each outlet."""
    columns = ("outlet", "articles", "copied", "quarantined", "last seen")
    cells = (
        (r["source"], r["article_count"], percent(r["copied_ratio"]), r["quarantined"], moment(r["last_seen_at"])) for r in rows
    )
    return table(columns, cells, numbers=("articles", "copied", "quarantined"))


def matches_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The passages that stored articles share with a text."""
    cells = (
        (
            Text(r["kind"], KIND_STYLES[r["kind"]]),
            r["tokens"],
            percent(r["similarity"]),
            Text.assemble(
                _article(r["source"], r["title"], r["uri"]), "\n", (shortened(r["text"], PASSAGE_CHARS), "italic"), "\n"
            ),
        )
        for r in rows
    )
    return table(
        ("kind", "words", "alike", "article, and the passage as it stands in your text"), cells, numbers=("words", "alike")
    )


def checked_documents(key: str, documents: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What documents of a source would become."""
    parts: list[RenderableType] = [Text(f"{visible(key)}: {plural(len(documents), 'document')} looked at", "bold")]
    for document in documents:
        parts.append(Text(visible(document["uri"]), "bold cyan"))
        if "error" in document:
            parts.append(Padding(Text(visible(f"{document['error']}: {document['message']}"), "red"), (0, 0, 1, 2)))
            continue
        shown = [(name, document[name]) for name in ("source", "title", "author", "agency") if document[name]]
        if document["published"]:
            how = f"{document['published']} ({document['published_precision']}, from {document['published_from']})"
            shown.append(("published", how))
        shown.append(("text", f"{document['chars']:,} characters, {document['tokens']:,} words matched: {document['begins']} …"))
        for removed in document["removed"]:
            verb = "masked" if removed["in_body"] else "cut"
            shown.append((f"{verb} ({removed['rule']})", shortened(removed["text"], PASSAGE_CHARS)))
        parts.append(Padding(table(("", ""), shown, header=False), (0, 0, 1, 2)))
    return Group(*parts)


def passage_lines(
    passage: Mapping[str, Any], places: Sequence[Mapping[str, Any]], numbers: Mapping[int, int], *, whole: bool = False
) -> RenderableType:
    """A passage and where it stands.

    Args:
        passage: a row of `shared_passage`.
        places: rows of `passage_occurrence` with `uri`, `published_end` and `published_precision`.
        numbers: of the articles that `members_table` shows.
        whole: the text in full.
    """
    count = f"  in {plural(passage['article_count'], 'article')} of {plural(passage['source_count'], 'source')}"
    head = Text.assemble((passage["kind"], f"bold {KIND_STYLES[passage['kind']]}"), count)
    text = visible(passage["text"]) if whole else shortened(passage["text"], PASSAGE_CHARS)
    cells = (
        (numbers.get(r["article_id"]), r["role"], published(r), f"{r['start_char']:,}-{r['end_char']:,}", _outlet(r, numbers))
        for r in places
    )
    columns = ("", "role", "published", "characters", "article")
    shown = table(columns, cells, numbers=("", "characters"), unbroken=("published",))
    return Group(head, Padding(Text(text, "italic"), (0, 0, 0, 2)), Padding(shown, (0, 0, 0, 2)))


def _outlet(row: Mapping[str, Any], numbers: Mapping[int, int]) -> Text:
    """The outlet; of an article that the table of the story does not show, its uri too."""
    if row["article_id"] in numbers:
        return Text(visible(row["source"]))
    return Text.assemble(visible(row["source"]), "\n", (visible(row["uri"]), "dim"))


def side_by_side(
    kind: str, places: Sequence[tuple[Mapping[str, Any], str]], *, whole: bool = False, plain: bool = False
) -> Table:
    """A passage in two articles next to each other, with what stands around it; words that differ are underlined.

    Args:
        kind: `wire` or `quote`.
        places: two rows of `passage_occurrence` with `uri`, and the articles' clean texts.
        whole: the texts in full.
        plain: the passage in brackets, where colours cannot show it.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), expand=True)
    words = [visible(text[row["start_char"] : row["end_char"]]).split(" ") for row, text in places]
    folded = [[_folded(word) for word in side] for side in words]
    same = difflib.SequenceMatcher(None, folded[0], folded[1], autojunk=False).get_matching_blocks()
    cells = []
    for side, (row, text) in enumerate(places):
        made.add_column(Text.assemble(visible(row["source"]), "\n", (visible(row["uri"]), "dim not bold")), ratio=1)
        shared = {block[side] + k for block in same for k in range(block.size)}
        passage = _marked(words[side], shared, KIND_STYLES[kind], None if whole else SIDE_CHARS)
        behind = "" if passage.plain.endswith(CUT) else _behind(text, row["end_char"])
        opening, closing = "[]" if plain else ("", "")
        cells.append(Text.assemble((_before(text, row["start_char"]), "dim"), opening, passage, closing, (behind, "dim")))
    made.add_row(*cells)
    return made


def _folded(word: str) -> str:
    """A word as it is compared: letters and digits only."""
    return "".join(filter(str.isalnum, word)).casefold()


def _marked(words: Sequence[str], shared: Collection[int], style: str, length: int | None) -> Text:
    """The words of a passage, cut at `length` characters; those that the other side has not are underlined."""
    text = Text()
    for number, word in enumerate(words):
        if length is not None and len(text) + len(word) > length:
            return text.append(CUT)
        text.append(word, style if number in shared else f"bold underline {style}")
        if number < len(words) - 1:
            text.append(" ")
    return text


def _before(text: str, start: int) -> str:
    """The words before a place."""
    around = text[max(0, start - CONTEXT_CHARS) : start]
    if start > CONTEXT_CHARS:
        around = "…" + around.partition(" ")[2]
    return visible(around) + (" " if around[-1:].isspace() else "")


def _behind(text: str, end: int) -> str:
    """The words behind a place."""
    around = text[end : end + CONTEXT_CHARS]
    if end + CONTEXT_CHARS < len(text):
        around = around.rpartition(" ")[0] + " …"
    return (" " if around[:1].isspace() else "") + visible(around)
