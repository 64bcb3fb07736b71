"""The command line. Commands import what they need when they are called, so that `--help` is quick.

Exit status: 0 done; 1 something is wrong with what was asked about; 2 usage,
settings, sources or the database.
"""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipeline.errors import BusyStoreError, LeaseHeldError, MissingStoreError, StoreError, VerdictError, WirecopyError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from db.engine import Connection, Engine
    from flows.judging import Statement
    from flows.settings import Settings

    Row = Mapping[str, Any]

app = typer.Typer(
    name="wirecopy",
    help="Finds the passages that news outlets share, and keeps clustered stories in a SQL database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
sources_app = typer.Typer(help="List the sources, add one, see what one would become.", no_args_is_help=True)
verdict_app = typer.Typer(help="Say what the machine got wrong; it holds from then on.", no_args_is_help=True)
db_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
app.add_typer(sources_app, name="sources")
app.add_typer(verdict_app, name="verdict")
app.add_typer(db_app, name="db")

CHECKED = 10
"""Documents that `sources check` shows."""

MEMBERS, PASSAGES, PLACES = 30, 12, 8
"""Articles of a story, its passages and their places that `show` shows without `--all`: some four screens."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Wait = Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait so long for another run to end.")]


class Exported(StrEnum):
    """What `export` writes."""

    ARTICLES = "articles"
    STORIES = "stories"
    PASSAGES = "passages"
    PAIRS = "pairs"


class NotFoundError(WirecopyError):
    """What was asked about is not there, or more than one thing is called so."""


def main() -> None:
    """Runs the command line; an error is one line on standard error."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app(prog_name="wirecopy")
    except (LeaseHeldError, BusyStoreError, NotFoundError, VerdictError) as error:
        _fail(error, 1)
    except WirecopyError as error:
        _fail(error, 2)


def _stop(_number: int, _frame: object) -> None:
    """SIGTERM ends a run as Ctrl-C does: what is half done is rolled back, the lease given back, the workers stopped."""
    raise SystemExit(143)


def _fail(error: WirecopyError, status: int) -> None:
    from flows.terminal import visible

    sys.stderr.write(f"wirecopy: {visible(str(error))}\n")
    raise SystemExit(status)


# ------------------------------------------------------------------------- run


@app.command()
def run(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Folders or files; by default the configured sources.")
    ] = None,
    *,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Take in sources, find the passages they share, cluster stories.

    What is stored already and has not changed is left alone. When PREFECT_API_URL
    is set, the same steps run as a Prefect flow on that server.
    """
    from flows.settings import load_settings
    from flows.steps import run_sources
    from flows.terminal import Progress

    settings = load_settings()
    chosen = list(paths or settings.source_paths())
    if not chosen:
        raise StoreError("there is no source to take in; name a folder, or add one with `wirecopy sources add FOLDER`")
    if settings.prefect_api_url:
        from flows.ingest import ingest

        _print_summary(ingest([str(path) for path in chosen], wait), as_json=as_json)
        return
    with Progress() as progress:
        summary = run_sources(settings, chosen, wait_seconds=wait, progress=progress)
    _print_summary(summary, as_json=as_json)


@app.command()
def refresh(*, wait: Wait = 0.0, as_json: AsJson = False) -> None:
    """Make anew what other versions or parameters have made.

    After a change of `[match]` in wirecopy.toml or an upgrade: cleans, sketches,
    matches and clusters again, from the first stage that differs.
    """
    from flows.settings import load_settings
    from flows.steps import refresh as refresh_steps
    from flows.terminal import Progress

    with Progress() as progress:
        summary = refresh_steps(load_settings(), wait_seconds=wait, progress=progress)
    _print_summary(summary, as_json=as_json)


def _print_summary(summary: Any, *, as_json: bool) -> None:
    from dataclasses import asdict

    from flows.terminal import summary_lines

    if as_json:
        _print_json(asdict(summary))
        return
    for line in summary_lines(summary):
        typer.echo(line)


# --------------------------------------------------------------------- reading


@app.command()
def stories(
    *,
    since: Annotated[
        str | None, typer.Option(metavar="RUN|DATE", help="Only those changed by this run or later, or since this day.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    alone: Annotated[bool, typer.Option("--alone", help="Stories of a single article too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List stories, the largest first."""
    from db import queries
    from flows.terminal import COLUMNS, console, stories_table

    since_run, since_time = _since(since)
    with _database() as engine, _reading(engine) as conn:
        rows = queries.stories(conn, limit=limit, min_articles=1 if alone else 2, since_run=since_run, since=since_time)
    if as_json:
        _print_json(rows)
    elif rows:
        out = console()
        out.print(stories_table(rows, narrow=out.width < COLUMNS))
    else:
        changed = " that changed since then" if since else ""
        typer.echo(f"No stories of more than one article{changed}." + ("" if alone else " `--alone` lists the others too."))


@app.command()
def show(
    story: Annotated[str, typer.Argument(metavar="STORY", help="The story's id, or how it begins.")],
    *,
    whole: Annotated[bool, typer.Option("--all", help="All articles, passages and places, in full.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one story: its articles and the passages they share."""
    from db import queries

    with _database() as engine, _reading(engine) as conn:
        head = _found(queries.story, conn, story)
        members = queries.story_members(conn, head["story_id"])
        passages = [(p, queries.occurrences(conn, p["passage_id"])) for p in queries.story_passages(conn, head["story_id"])]
        if as_json:
            _print_json(head | {"members": members, "passages": [p | {"occurrences": places} for p, places in passages]})
        else:
            _print_story(conn, head, members, passages, whole=whole)


def _print_story(
    conn: Connection,
    head: Row,
    members: Sequence[Row],
    passages: Sequence[tuple[Row, Sequence[Row]]],
    *,
    whole: bool,
) -> None:
    """A story in the terminal; what is beyond some four screens is counted, unless `whole`."""
    from functools import cache

    from db import queries
    from flows.terminal import console, members_table, passage_lines, side_by_side, story_head

    article = cache(lambda article_id: queries.article_row(conn, article_id))

    def dated(rows: Sequence[Row]) -> list[Row]:
        names = ("published_end", "published_precision")
        return [{**row, **{name: article(row["article_id"])[name] for name in names}} for row in rows]

    out = console()
    shown = dated(members if whole else members[:MEMBERS])
    numbers = {row["article_id"]: number for number, row in enumerate(shown, 1)}
    if "former_story_id" in head:
        typer.echo(f"Story {head['former_story_id']} lives on in story {head['story_id']}.\n")
    out.print(story_head(head))
    out.print(members_table(shown))
    _print_rest(len(members) - len(shown), "article")
    for number, (passage, places) in enumerate(passages if whole else passages[:PASSAGES]):
        few = dated(places if whole else places[:PLACES])
        if number == 0 and len(pair := [place for place in _one_each(few) if place["article_id"] in numbers][:2]) > 1:
            texts = [(place, article(place["article_id"])["clean_text"]) for place in pair]
            marks = "words that differ are underlined" if out.is_terminal else "it stands in brackets"
            typer.echo(f"\nThe passage that most of them carry, side by side ({marks}):\n")
            out.print(side_by_side(passage["kind"], texts, whole=whole, plain=not out.is_terminal))
        out.print()
        out.print(passage_lines(passage, few, numbers, whole=whole))
        _print_rest(len(places) - len(few), "place")
    _print_rest(0 if whole else len(passages) - PASSAGES, "passage")


def _print_rest(number: int, noun: str) -> None:
    """How many are not shown, if there are any."""
    from flows.terminal import plural

    if number > 0:
        typer.echo(f"… and {plural(number, noun)} more; `--all` shows them.")


def _one_each(places: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first place of each article."""
    return list({place["article_id"]: place for place in reversed(places)}.values())[::-1]


@app.command()
def match(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text or HTML file.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Find the stored articles that share passages with a text.

    Nothing is stored.
    """
    from flows.matching import match_file
    from flows.settings import load_settings
    from flows.terminal import console, matches_table

    settings = load_settings()
    with _database() as engine, _reading(engine) as conn:
        rows = match_file(conn, file, settings)
    if as_json:
        _print_json(rows)
    elif rows:
        console().print(matches_table(rows))
    else:
        typer.echo("No stored article shares a passage with it.")


@app.command()
def diff(
    left: Annotated[str, typer.Argument(metavar="ARTICLE", help="An article's id, or the ending of its uri.")],
    right: Annotated[str, typer.Argument(metavar="ARTICLE", help="Another one.")],
    *,
    whole: Annotated[bool, typer.Option("--full", help="What they do not share in full, too.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="What was taken for page furniture, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show two articles side by side, what they share marked.

    Passages are numbered on both sides; words of a passage that the other article has not are underlined.
    """
    from db import queries
    from flows.comparing import difference_lines, find_difference
    from flows.terminal import console

    with _database() as engine, _reading(engine) as conn:
        ids = [_found(queries.find_article, conn, name) for name in (left, right)]
        if ids[0] == ids[1]:
            raise typer.BadParameter(f"both name the article {ids[0]}; name another one to compare it with", param_hint="ARTICLE")
        found = find_difference(conn, *ids)
    if as_json:
        _print_json(found.plain())
        return
    out = console()
    out.print(difference_lines(found, width=out.width, whole=whole, removed=removed, plain=out.color_system is None))


@app.command()
def export(
    what: Annotated[Exported, typer.Argument(metavar="articles|stories|passages|pairs", help="What to export.")],
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to: .jsonl, .csv (each also .gz) or .parquet by its ending; - is JSON Lines on standard output.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(metavar="RUN|DATE", help="Of stories, those changed by this run or later, or since this day."),
    ] = None,
) -> None:
    """Write what is stored to a file: JSON Lines, CSV, Parquet.

    A file that is there is replaced once the new one is complete.
    """
    from flows.exporting import STANDARD_OUTPUT, ending_of, export_rows
    from flows.terminal import Progress, plural, visible

    if since is not None and what is not Exported.STORIES:
        raise typer.BadParameter("only stories are known to have changed since; leave it away", param_hint="--since")
    since_run, since_time = _since(since)
    ending_of(output)  # a wrong one is said before a database is looked for
    with _database() as engine, _reading(engine) as conn, Progress() as progress:
        written = export_rows(conn, what, output, since_run=since_run, since=since_time, progress=progress)
    if output != STANDARD_OUTPUT:
        noun = {"stories": "story"}.get(what, what.removesuffix("s"))
        typer.echo(f"Exported {plural(written, noun)} to {visible(output)}.")


# --------------------------------------------------------------------- sources


@sources_app.command("list")
def list_sources(*, as_json: AsJson = False) -> None:
    """List the configured sources, and what is stored of each outlet."""
    from db import queries
    from flows.settings import load_settings
    from flows.sources import find_origins
    from flows.terminal import console, origins_table, outlets_table

    settings = load_settings()
    origins = [{"origin": o.key, "path": str(o.root)} for o in find_origins(settings.source_paths())]
    try:
        with _database() as engine, _reading(engine) as conn:
            outlets = queries.sources(conn)
    except MissingStoreError:  # nothing was taken in yet; what is configured can be listed all the same
        outlets = []
    if as_json:
        _print_json({"configured": origins, "outlets": outlets})
        return
    out = console()
    if origins:
        out.print(origins_table(origins))
    else:
        typer.echo("No source is configured: `wirecopy sources add FOLDER`.")
    if outlets:
        out.print()
        out.print(outlets_table(outlets))


@sources_app.command("add")
def add_source(path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder or a file.")]) -> None:
    """Add a source to wirecopy.toml; `wirecopy run` takes it in."""
    from flows.settings import SETTINGS_FILE, load_settings, save_source
    from flows.sources import find_origins
    from flows.terminal import plural

    settings = load_settings()
    origins = find_origins([*map(Path, settings.sources), path])
    if not save_source(path):
        typer.echo(f"{path} is in {SETTINGS_FILE} already.")
        return
    typer.echo(f"Added {path} to {SETTINGS_FILE}, which now lists {plural(len(origins), 'source')}.")
    typer.echo(f"Next: `wirecopy sources check {path}`, then `wirecopy run`.")


@sources_app.command("check")
def check_source(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", help="Folders or files; by default the configured sources.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what ten documents of each source would become.

    Nothing is stored.
    """
    from flows.checking import check_documents
    from flows.settings import load_settings
    from flows.sources import find_origins
    from flows.terminal import checked_documents, console

    settings = load_settings()
    reports = {o.key: check_documents(o, settings, CHECKED) for o in find_origins(list(paths or settings.source_paths()))}
    if as_json:
        _print_json(reports)
    else:
        for key, report in reports.items():
            console().print(checked_documents(key, report))
    if any("error" in document for report in reports.values() for document in report):
        raise typer.Exit(1)


# ------------------------------------------------------------ people's decisions

OneArticle = Annotated[str, typer.Argument(metavar="A", help="An article: its id, or how its uri ends.")]
OtherArticle = Annotated[str, typer.Argument(metavar="B", help="The other one.")]
About = Annotated[Literal["copy", "story"], typer.Option(help="Whether it is about copies of one report or about one story.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TEXT", help="Only where these words of A stand, or at offsets as 120-340.")
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; by default the user of this computer.")]


@verdict_app.command("same")
def say_same(
    one: OneArticle,
    other: OtherArticle,
    *,
    about: About = "story",
    note: Note = "",
    by: By = "",
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Say that two articles are on one story.

    With --about copy: that they are copies of one report, and so on one story.
    """
    from flows.judging import Statement

    _give(Statement("same", one, other, about=about, by=by, note=note), wait=wait, as_json=as_json)


@verdict_app.command("different")
def say_different(
    one: OneArticle,
    other: OtherArticle,
    *,
    about: About = "story",
    note: Note = "",
    by: By = "",
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Say that two articles are on different stories.

    They are no copies of one report either. With --about copy only that: they may be on one story.
    """
    from flows.judging import Statement

    _give(Statement("different", one, other, about=about, by=by, note=note), wait=wait, as_json=as_json)


@verdict_app.command("wire")
def say_wire(
    one: OneArticle,
    other: OtherArticle,
    *,
    at: At = None,
    note: Note = "",
    by: By = "",
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Say that what two articles share is wire copy.

    All of its words count then, whatever the quotation marks say.
    """
    from flows.judging import Statement

    _give(Statement("wire", one, other, at=at, by=by, note=note), wait=wait, as_json=as_json)


@verdict_app.command("quote")
def say_quote(
    one: OneArticle,
    other: OtherArticle,
    *,
    at: At = None,
    note: Note = "",
    by: By = "",
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Say that what two articles share is a quotation.

    The words of a third person: they make no copies.
    """
    from flows.judging import Statement

    _give(Statement("quote", one, other, at=at, by=by, note=note), wait=wait, as_json=as_json)


def _give(said: Statement, *, wait: float, as_json: bool) -> None:
    from db import queries
    from flows.judging import compose, describe, give
    from flows.settings import load_settings

    with _database() as engine, _reading(engine) as conn:
        known = _found(compose, conn, said).verdict_id
    number, summary = (known, None) if known else give(load_settings(), said, wait_seconds=wait)
    with _database() as engine, _reading(engine) as conn:
        row = next(row for row in queries.verdict_rows(conn) if row["verdict_id"] == number)
    if as_json:
        _print_json(row)
        return
    _echo(f"Verdict {number}{' was given already' if known else ''}: {describe(row)}.")
    if summary is not None:
        _print_regrouped(summary)


def _print_regrouped(summary: Any) -> None:
    from flows.terminal import plural

    typer.echo(f"Made or changed: {plural(summary.stories_changed, 'story')}.")


def _echo(line: str) -> None:
    """Prints a line that holds names or texts from outside."""
    from flows.terminal import visible

    typer.echo(visible(line))


@verdict_app.command("list")
def list_verdicts(*, as_json: AsJson = False) -> None:
    """List the verdicts, and which of them are idle now."""
    from flows.judging import describe
    from flows.judging import list_verdicts as load_verdicts
    from flows.terminal import console, moment, table

    with _database() as engine, _reading(engine) as conn:
        rows = load_verdicts(conn)
    if as_json:
        _print_json(rows)
    elif not rows:
        typer.echo("No verdicts yet; `wirecopy verdict --help` says how to give one.")
    else:
        said = [describe(row) + (f": {row['note']}" if row["note"] else "") for row in rows]
        cells = [
            (row["verdict_id"], moment(row["made_at"]), text + (f" – idle: {row['idle']}" if row["idle"] else ""))
            for row, text in zip(rows, said, strict=True)
        ]
        console().print(table(("verdict", "given", "says"), cells, numbers=("verdict",), unbroken=("given",)))


@verdict_app.command("withdraw")
def withdraw_verdict(
    number: Annotated[int, typer.Argument(metavar="ID", help="The verdict's number, as `verdict list` shows it.")],
    *,
    wait: Wait = 0.0,
) -> None:
    """Take a verdict back."""
    from flows.judging import find_verdict, withdraw
    from flows.settings import load_settings

    with _database() as engine, _reading(engine) as conn:
        find_verdict(conn, number)
    summary = withdraw(load_settings(), number, wait_seconds=wait)
    typer.echo(f"Verdict {number} is withdrawn.")
    _print_regrouped(summary)


@app.command()
def forget(
    articles: Annotated[
        list[str] | None, typer.Argument(metavar="ARTICLE", help="An article's id, or how its uri ends.", show_default=False)
    ] = None,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")] = "",
    by: By = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List what was forgotten.")] = False,
    lift: Annotated[bool, typer.Option("--withdraw", help="Let a forgotten article come back with the next run.")] = False,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Delete articles, and all that was made of them, for good.

    No later run brings them back. The files of the source stay as they are.
    """
    if listed:
        _list_forgotten(as_json=as_json)
        return
    if not articles:
        raise typer.BadParameter("name an article, or use --list", param_hint="ARTICLE")
    if lift:
        for name in articles:
            _lift(name, wait=wait)
        return
    _forget(articles, reason=reason, by=by, yes=yes, wait=wait, as_json=as_json)


def _forget(names: Sequence[str], *, reason: str, by: str, yes: bool, wait: float, as_json: bool) -> None:
    from db import queries
    from flows.forgetting import forget as forget_articles
    from flows.forgetting import refuse_forgotten
    from flows.judging import current_user
    from flows.settings import load_settings
    from flows.terminal import plural

    with _database() as engine, _reading(engine) as conn:
        ids = dict.fromkeys(_found(refuse_forgotten, conn, name) for name in names)
        rows = [queries.article_row(conn, article_id) for article_id in ids]
    if sys.stdin.isatty() and not yes:
        for row in rows:
            _echo(f"{row['origin']}/{row['uri']}: {row['title'] or 'no title'}, {row['char_count']:,} characters")
        typer.confirm(f"Delete {plural(len(rows), 'article')} and all that was made of them, for good?", abort=True)
    clean, summary = forget_articles(load_settings(), list(ids), reason=reason, by=by or current_user(), wait_seconds=wait)
    if as_json:
        gone = [{name: row[name] for name in ("article_id", "origin", "uri")} for row in rows]
        _print_json({"forgotten": gone, "stories_changed": summary.stories_changed, "file_rewritten": clean})
        return
    for row in rows:
        _echo(f"Forgotten: {row['origin']}/{row['uri']}. No later run brings it back; the source's own file is as it was.")
    _print_regrouped(summary)
    if not clean:
        typer.echo("The database file could not be written anew: traces can be left in it until `VACUUM` is run in sqlite3.")


def _lift(name: str, *, wait: float) -> None:
    from db import queries
    from flows.forgetting import remember
    from flows.settings import load_settings

    with _database() as engine, _reading(engine) as conn:
        stone = _found(queries.find_tombstone, conn, name)
    remember(load_settings(), origin=stone["origin"], uri=stone["uri"], wait_seconds=wait)
    _echo(f"{stone['origin']}/{stone['uri']} may come back: the next `wirecopy run` reads it again.")


def _list_forgotten(*, as_json: bool) -> None:
    from db import queries
    from flows.terminal import console, moment, table

    with _database() as engine, _reading(engine) as conn:
        rows = queries.tombstones(conn)
    if as_json:
        _print_json(rows)
    elif rows:
        cells = [(moment(r["made_at"]), r["made_by"], f"{r['origin']}/{r['uri']}", r["reason"]) for r in rows]
        console().print(table(("forgotten", "by", "article", "reason"), cells, unbroken=("forgotten",)))
    else:
        typer.echo("Nothing was forgotten.")


# -------------------------------------------------------------------- database


@db_app.command("upgrade")
def upgrade_schema() -> None:
    """Bring the schema to the version of this program.

    A run does so by itself.
    """
    from db.engine import open_engine
    from db.migrate import upgrade
    from flows.settings import load_settings

    engine = open_engine(load_settings().database_url)
    try:
        typer.echo(f"The schema is at {upgrade(engine)}.")
    finally:
        engine.dispose()


@db_app.command("check")
def check_schema() -> None:
    """Say whether the schema is that of this program."""
    from db.migrate import check

    with _database() as engine:
        typer.echo(f"The schema is at {check(engine)}, as this program needs it.")


# --------------------------------------------------------------------- helpers


def _database() -> Any:
    """The database to read from: opened, its schema checked, closed at the end."""
    from contextlib import contextmanager

    from db.engine import open_engine
    from db.migrate import check
    from flows.settings import load_settings

    @contextmanager
    def opened(settings: Settings) -> Iterator[Engine]:
        engine = open_engine(settings.database_url, must_exist=True)
        try:
            check(engine)
            yield engine
        finally:
            engine.dispose()

    return opened(load_settings())


def _reading(engine: Engine) -> Any:
    from db.engine import reading

    return reading(engine)


def _found(look_up: Any, conn: Any, name: Any) -> Any:
    """What a look-up finds; that there is none is about the data, not about the database."""
    try:
        return look_up(conn, name)
    except StoreError as error:
        raise NotFoundError(str(error)) from error


def _since(text: str | None) -> tuple[int | None, dt.datetime | None]:
    """A run's number, or the beginning of a day or a moment in UTC."""
    import datetime as dt

    if text is None:
        return None, None
    if text.isdecimal() and len(text) < len("20260101"):
        return int(text), None
    try:
        moment = dt.datetime.fromisoformat(text)
        return None, (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("give the number of a run, or a day as 2026-03-28", param_hint="--since") from None


def _print_json(value: object) -> None:
    from flows.terminal import visible_json

    def plain(item: object) -> object:
        return item.isoformat().replace("+00:00", "Z") if hasattr(item, "isoformat") else str(item)

    typer.echo(visible_json(json.dumps(value, ensure_ascii=False, indent=2, default=plain)))
