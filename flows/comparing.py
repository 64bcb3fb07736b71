"""Two stored articles side by side: what `diff` prints.

In: a connection and two articles. Out: a plain value for JSON, or lines for a
terminal. Each passage has a number, which stands on both sides; words that differ
are marked. Nothing is said by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import queries
from flows.terminal import KIND_STYLES, TITLE_CHARS, percent, plural, published, shortened, visible
from pipeline.compare import Shared, compare
from pipeline.layout import paragraph_starts
from pipeline.text import tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from db.engine import Connection
    from pipeline.compare import Comparison, Interval, Piece

    Row = Mapping[str, Any]

BESIDE_COLUMNS = 80
"""A narrower terminal gets the two texts one below the other: half of it holds some five words a line."""

CONTEXT_WORDS = 12
"""Words that are shown before and behind what is shared; where as many more would be left out, all are shown."""

SIDES = ("left", "right")
SIGNS = ("<", ">")


@dataclass(frozen=True)
class Difference:
    """Two articles, what they share, and how it differs.

    Attributes:
        articles: left and right, rows of `article_overview` with `clean_text`.
        pair: the row of `article_pair`, None if they share nothing.
        passages: of each link `kind`, `recycled`, `tokens`, `similarity`, `passage_id`, and `left` and `right`,
            each with its place, its text, and `differing`: places of words that the other side has not.
        removed: rows of `removed_text` of left and right.
        comparison: the rows for the eye.
    """

    articles: tuple[Row, Row]
    pair: Row | None
    passages: tuple[Row, ...]
    removed: tuple[Sequence[Row], Sequence[Row]]
    comparison: Comparison

    def plain(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        sides = {
            side: {name: value for name, value in article.items() if name != "raw_text"} | {"removed": removed}
            for side, article, removed in zip(SIDES, self.articles, self.removed, strict=True)
        }
        return {**sides, "pair": self.pair, "passages": self.passages}


def find_difference(conn: Connection, left_id: int, right_id: int) -> Difference:
    """Reads and compares two articles that are stored."""
    left, right = queries.article_row(conn, left_id), queries.article_row(conn, right_id)
    sides = SIDES if left_id < right_id else SIDES[::-1]  # a link's left is the smaller id
    links = queries.alignments(conn, left_id, right_id)
    links.sort(key=lambda link: (link[f"{sides[0]}_start_char"], link[f"{sides[1]}_start_char"]))
    places = [[(link[f"{side}_start_char"], link[f"{side}_end_char"]) for side in sides] for link in links]
    compared = compare(left["clean_text"], right["clean_text"], [Shared(*ends) for ends in places])
    differing = (compared.left_differing, compared.right_differing)
    passages = []
    for k, link in enumerate(links):
        shown = {name: link[name] for name in ("kind", "recycled", "tokens", "similarity", "passage_id", "link_id")}
        for side, stored, article in zip((0, 1), sides, (left, right), strict=True):
            start, end = places[k][side]
            raw = {f"raw_{name}": link[f"{stored}_{name}"] for name in ("start", "end")}
            text = article["clean_text"][start:end]
            shown[SIDES[side]] = {"start_char": start, "end_char": end, **raw, "text": text, "differing": differing[side][k]}
        passages.append({"number": k + 1, **shown})
    removed = (queries.removed_texts(conn, left_id), queries.removed_texts(conn, right_id))
    return Difference((left, right), queries.article_pair(conn, left_id, right_id), tuple(passages), removed, compared)


# -------------------------------------------------------------------- terminal


def difference_lines(
    found: Difference, *, width: int, whole: bool = False, removed: bool = False, plain: bool = False
) -> RenderableType:
    """Two articles for a terminal.

    Args:
        found: what is shown.
        width: in cells; below `BESIDE_COLUMNS` the texts stand one below the other.
        whole: what is not shared in full too.
        removed: what was taken for page furniture too.
        plain: words that differ in braces, where they cannot be underlined.
    """
    layout = _Layout(beside=width >= BESIDE_COLUMNS)
    layout.add(*map(_head, found.articles))
    parts: list[RenderableType] = [layout.table]
    if not found.passages:
        parts.append(Text("\nThey share no passage." + ("" if whole else " `--full` shows their texts.")))
    else:
        differ = "{in braces}" if plain else "underlined"
        legend = f"[1 wire] … [/1] is one passage on both sides; words that the other side has not are {differ}."
        why = f"{visible(found.pair['why'])}\n" if found.pair else ""
        parts.append(Text.assemble("\n", why, (legend, "dim")))
    if removed:
        parts += [Text("\nTaken for page furniture, and left out of what is compared:\n"), _removed_table(found)]
    if found.passages or whole:
        parts += [Text(), _texts_table(found, layout.beside, whole=whole, plain=plain)]
    return Group(*parts)


class _Layout:
    """A table of two texts: side by side, or one below the other with `<` and `>` before them."""

    def __init__(self, *, beside: bool) -> None:
        self.beside = beside
        self.table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, expand=True)
        for _ in SIDES:
            self.table.add_column(overflow="fold", ratio=1)
        if not beside:
            self.table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False, expand=True)
            self.table.add_column(width=1)
            self.table.add_column(overflow="fold", ratio=1)

    def add(self, left: Text, right: Text) -> None:
        if self.beside:
            self.table.add_row(left, right)
            return
        for sign, text in zip(SIGNS, (left, right), strict=True):
            if text.plain:
                self.table.add_row(Text(sign, "bold"), text)


def _head(article: Row) -> Text:
    """What an article is, in some lines."""
    title = shortened(article["title"], TITLE_CHARS) if article["title"] else ""
    copied = "not known" if article["copied_ratio"] is None else percent(article["copied_ratio"])
    facts = f"{published(article) or 'undated'}, {article['token_count']:,} words, copied {copied}"
    lines = [(visible(article["source"]), "bold"), *([(title, "")] if title else [])]
    lines += [(visible(article["uri"]), "dim"), (facts, ""), (f"article {article['article_id']}", "dim")]
    return Text("\n").join(Text(line, style) for line, style in lines)


def _removed_table(found: Difference) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for sign, rows in zip(SIGNS, found.removed, strict=True):
        for row in rows:
            verb = "masked" if row["in_body"] else "cut"
            made.add_row(Text(sign, "bold"), Text(f"{verb} ({row['rule']})"), Text(visible(row["text"]), "dim"))
        if not rows:
            made.add_row(Text(sign, "bold"), Text("nothing"), Text())
    return made


def _texts_table(found: Difference, beside: bool, *, whole: bool, plain: bool) -> Table:
    layout = _Layout(beside=beside)
    sides = [_SideText(found, side, whole=whole, plain=plain) for side in (0, 1)]
    for row in found.comparison.rows:
        cells = [side.cell(pieces) for side, pieces in zip(sides, (row.left, row.right), strict=True)]
        if any(cell.plain for cell in cells):
            layout.add(*cells)
    return layout.table


class _SideText:
    """One side's text as cells, row by row: it knows which passages are open where a row begins."""

    def __init__(self, found: Difference, side: int, *, whole: bool, plain: bool) -> None:
        self._text: str = found.articles[side]["clean_text"]
        self._passages = found.passages
        self._spans: list[Interval] = [(p[SIDES[side]]["start_char"], p[SIDES[side]]["end_char"]) for p in found.passages]
        self._paragraphs = set(paragraph_starts(self._text)) - {0}
        tokens = tokenize(self._text)
        self._words: list[Interval] = list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True))
        self._whole, self._plain = whole, plain

    def cell(self, pieces: Sequence[Piece]) -> Text:
        """The pieces of a row as one text, blanks at its ends taken off."""
        text = Text()
        for alone, run in groupby(pieces, lambda piece: not piece.passages):
            group = list(run)
            if alone:
                text.append(self._apart(group[0].start, group[-1].end), "dim")
            else:
                for piece in group:
                    self._append_shared(text, piece)
        blank = len(text.plain) - len(text.plain.lstrip())
        text = text[blank:]
        text.rstrip()
        return text

    def _append_shared(self, text: Text, piece: Piece) -> None:
        """A piece with the marks of the passages that begin and end with it."""
        text.append(self._break(piece.start))
        for number in piece.passages:
            if self._spans[number - 1][0] == piece.start:
                text.append(f"[{self._label(number)}] ", f"bold {self._style(number)}")
        style = self._style(piece.passages[0])
        shown = self._flowing(piece.start, piece.end)
        if piece.differs:
            shown = f"{{{shown}}}" if self._plain else shown
            style = f"bold underline {style}"
        text.append(shown, style)
        for number in reversed(piece.passages):
            if self._spans[number - 1][1] == piece.end:
                text.append(f" [/{number}]", f"bold {self._style(number)}")

    def _label(self, number: int) -> str:
        passage = self._passages[number - 1]
        return f"{number} {passage['kind']}{', recycled' if passage['recycled'] else ''}"

    def _style(self, number: int) -> str:
        return KIND_STYLES[self._passages[number - 1]["kind"]]

    def _apart(self, start: int, end: int) -> str:
        """What is not shared: some words next to what is, and how many are left out between."""
        words = [word for word in self._words if start <= word[0] < end]
        head = CONTEXT_WORDS if any(span[1] <= start for span in self._spans) else 0
        tail = CONTEXT_WORDS if any(span[0] >= end for span in self._spans) else 0
        left_out = len(words) - head - tail
        if self._whole or left_out <= CONTEXT_WORDS:
            return self._break(start) + self._flowing(start, end)
        first = f"{self._break(start)}{self._flowing(start, words[head - 1][1])} … " if head else ""
        last = f" … {self._flowing(words[-tail][0], end)}" if tail else ""
        return f"{first}({plural(left_out, 'word')}){last or ' …' * bool(head)}"

    def _break(self, start: int) -> str:
        return "\n" if start in self._paragraphs else ""

    def _flowing(self, start: int, end: int) -> str:
        """A stretch in paragraphs, harmless for a terminal; a blank at either end stays one."""
        cuts = [start, *sorted(at for at in self._paragraphs if start < at < end), end]
        text = "\n".join(visible(self._text[a:b]) for a, b in pairwise(cuts))
        before = " " if self._text[start : start + 1].isspace() else ""
        behind = " " if self._text[end - 1 : end].isspace() and end not in self._paragraphs else ""
        return f"{before}{text}{behind}" if text else before or behind
