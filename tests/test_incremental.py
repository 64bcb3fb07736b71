"""Runs one after the other make the database that one run over the final files makes; unchanged files cost nothing."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from helpers import (
    Dump,
    assert_as_walked,
    assert_same,
    assert_settled,
    documents,
    dump,
    make_settings,
    run_folder,
    sqlite_url,
    story_text,
    words,
    write_file,
    write_jsonl,
)
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from db import queries, schema
from db.engine import Connection, Engine, begin, open_engine, reading
from flows import linking, stories
from flows.forgetting import forget
from flows.judging import Statement, give, withdraw
from flows.run import Run
from pipeline import walk
from pipeline.errors import StoreError, VerdictError
from pipeline.records import Verdict

SEEDS = Path(__file__).resolve().parent.parent / "seeds"

# --- small corpora ---------------------------------------------------------------------------------

WIRE = [f"{words(('wire', k), 25)}." for k in range(4)]
QUOTES = [f"“{words(('quote', k), 14)},” they said." for k in range(2)]
EDITED = WIRE[0].split()
PIECES = (
    *WIRE,
    *QUOTES,
    " ".join(EDITED[:15]) + ".",  # cut
    " ".join([*EDITED[:12], "otherwise", *EDITED[13:]]),  # edited
    f"{WIRE[1]} {QUOTES[0]}",
)
TEXTS = ("alpha/a0.txt", "alpha/a1.txt", "alpha/a2.txt", "alpha/in/a3.txt", "beta/b0.txt", "beta/b1.txt", "beta/b2.txt")
RECORDS = ("beta/c.jsonl#r0", "beta/c.jsonl#r1", "beta/c.jsonl#r2", "beta/c.jsonl#r3")
TOPICS = [words(("topic", k), 14).split() for k in range(5)]
Content = tuple[str, str | None]
"""A text, and the day that is given beside it."""


def content(slot: str, chosen: list[int], version: int, day: int | None) -> Content:
    text = story_text((slot, version), *(piece(k, (slot, version)) for k in chosen))
    return text, None if day is None else f"2019-03-{day:02}"


def piece(number: int, slot: object) -> str:
    """A piece that others have word for word, or some words on a topic, in an order of the slot's own."""
    if number < len(PIECES):
        return PIECES[number]
    chance = random.Random(repr((slot, number)))
    return f"{' '.join(chance.sample(TOPICS[number - len(PIECES)], 9))}."


class Folder:
    """A source folder with two origins whose files come, change and go."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, Content] = {}
        shutil.rmtree(root, ignore_errors=True)
        for name in ("alpha", "beta"):
            (root / name).mkdir(parents=True)

    def change(self, changes: dict[str, Content | None]) -> None:
        """Puts files and records there, or takes them away."""
        for slot, wanted in changes.items():
            if wanted is not None:
                self.files[slot] = wanted
            else:
                self.files.pop(slot, None)
        for slot in changes.keys() - set(RECORDS):
            if slot in self.files:
                write_file(self.root / slot, self.files[slot][0])
            else:
                (self.root / slot).unlink(missing_ok=True)
        records = [slot for slot in self.files if slot in RECORDS]
        if records:
            write_jsonl(self.root / "beta/c.jsonl", [self._record(slot) for slot in records])
        else:
            (self.root / "beta/c.jsonl").unlink(missing_ok=True)
        for name in ("alpha", "beta"):
            dated = [
                {"path": slot.removeprefix(f"{name}/"), "published": day}
                for slot, (_, day) in self.files.items()
                if slot in TEXTS and slot.startswith(name) and day
            ]
            write_jsonl(self.root / name / "metadata.jsonl", dated)

    def _record(self, slot: str) -> dict[str, str]:
        text, day = self.files[slot]
        return {"id": slot.partition("#")[2], "text": text} | ({"published": day} if day else {})


class StopError(Exception):
    """The end of a run in the middle of it."""


@contextmanager
def stopped_at(number: int, where: str) -> Iterator[None]:
    """Within, a run dies before, inside or behind its n-th transaction that writes."""
    counter = itertools.count()
    original = Run.writing

    @contextmanager
    def writing(run: Run) -> Iterator[Connection]:
        at = next(counter)
        if at > number or (at == number and where == "before"):
            raise StopError
        with original(run) as conn:
            yield conn
            if at == number and where == "inside":
                raise StopError
        if at == number:
            raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "writing", writing)
        try:
            yield
        except StopError:
            note(f"died {where} transaction {number}")


@cache
def kept_engine(url: str) -> Engine:
    """One engine for all runs on a file: SQLAlchemy compiles each statement once, which is half of such a run's time."""
    return open_engine(url)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory where engines are kept and the schema is known to be there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.run.upgrade", lambda _engine: None)
        patch.setattr("flows.run.open_engine", kept_engine)
        patch.setattr("flows.forgetting.open_engine", kept_engine)
        patch.setattr("flows.forgetting.rewrite_file", lambda _engine: True)
        patch.setattr("helpers.open_engine", kept_engine)
        yield tmp_path_factory.mktemp("place")
    kept_engine.cache_clear()


def contents() -> st.SearchStrategy[tuple[list[int], int, int | None]]:
    pieces = st.lists(st.integers(0, len(PIECES) + len(TOPICS) - 1), max_size=4, unique=True)
    return st.tuples(pieces, st.integers(0, 1), st.none() | st.integers(1, 25))


def changes() -> st.SearchStrategy[dict[str, tuple[list[int], int, int | None] | None]]:
    # Three in four are contents, one takes the file away.
    wanted = st.one_of(contents(), contents(), contents(), st.none())
    return st.dictionaries(st.sampled_from(TEXTS + RECORDS), wanted, min_size=1, max_size=6)


STOPS = st.tuples(st.integers(0, 12), st.sampled_from(["before", "inside", "after"]))
STEPS = st.lists(st.tuples(changes(), st.none() | STOPS), min_size=2, max_size=5)
CHOICE = st.integers(0, 10)  # of what is stored when it is made
SAID = st.one_of(
    st.tuples(st.sampled_from(["same", "different"]), st.sampled_from(["copy", "story"]), CHOICE, CHOICE, st.none()),
    st.tuples(st.sampled_from(["wire", "quote"]), st.just("story"), CHOICE, CHOICE, st.none() | st.integers(0, len(PIECES) - 1)),
)
DECISIONS = st.one_of(*[SAID] * 5, *(st.tuples(st.just(name), CHOICE) for name in ("withdraw", "forget")))
DECIDED = st.lists(st.lists(st.tuples(DECISIONS, st.none() | STOPS), max_size=4), min_size=2, max_size=5)
PARAMS = st.fixed_dictionaries(
    {
        "bucket_articles": st.integers(2, 4),
        "bucket_leaders": st.integers(1, 3),
        "recycled_after_days": st.integers(4, 14),
        "story_window_days": st.integers(3, 14),
        "story_passage_nodes": st.integers(2, 4),
        "story_min_likeness": st.sampled_from([0.1, 0.2, 0.3, 0.5]),
        "match_window_days": st.sampled_from([None, None, 6, 20]),
    }
)


BY_PASSAGES = {"story_min_likeness": 1.0, "story_passage_likeness": 1.0}
"""Likeness by terms joins nothing, shared passages do."""

Changes = dict[str, tuple[list[int], int, int | None] | None]
Stop = tuple[int, str] | None
Decision = tuple[Any, ...]


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, params=PARAMS, sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_runs_over_changing_files_make_what_one_run_makes(
    sqlite_template: Path, place: Path, steps: list[tuple[Changes, Stop]], params: dict[str, Any], sizes: tuple[int, int]
) -> None:
    hold_to_one_run(sqlite_template, place, steps, params, batch=sizes[0], chunk=sizes[1])


@pytest.mark.slow
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, decided=DECIDED, params=PARAMS)
def test_decisions_of_people_hold_as_if_they_had_always_been_there(
    sqlite_template: Path,
    place: Path,
    steps: list[tuple[Changes, Stop]],
    decided: list[list[tuple[Decision, Stop]]],
    params: dict[str, Any],
) -> None:
    hold_to_one_run(sqlite_template, place, steps, params, decided=decided)


def decide(url: str, params: dict[str, Any], decision: Decision) -> None:
    """Takes a decision; one that is refused changes nothing."""
    values = make_settings(url, match=params)
    with opened(url) as engine, reading(engine) as conn:
        numbers = list(conn.scalars(sa.select(schema.verdict.c.verdict_id)))
        table = schema.article
        stored = conn.execute(sa.select(table.c.article_id, table.c.origin, table.c.uri).order_by(table.c.origin, table.c.uri))
        ids = {f"{origin}/{uri}": article_id for article_id, origin, uri in stored}

    def named(choice: int) -> str:
        return list(ids)[choice % len(ids)]

    if not ids or (decision[0] == "withdraw" and not numbers):
        return
    try:
        match decision:
            case ("withdraw", number):
                withdraw(values, numbers[number % len(numbers)])
            case ("forget", choice):
                forget(values, [ids[named(choice)]], reason="asked to", by="test")
            case (ruling, about, one, other, piece):
                at = None if piece is None else PIECES[piece]
                give(values, Statement(ruling, named(one), named(other), about=about, at=at, by="test"))
    except (VerdictError, StoreError) as error:
        note(f"refused {decision}: {error}")


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """The kept engine; its connections are closed at the end, since the file will be another one."""
    yield kept_engine(url)
    kept_engine(url).dispose()


def judged(url: str) -> list[Verdict]:
    with opened(url) as engine, reading(engine) as conn:
        return queries.verdicts(conn)


def copy_verdicts(url: str, other: str) -> None:
    """Writes the verdicts of one database into another, before anything else is in it."""
    with opened(url) as engine, reading(engine) as conn:
        rows = [dict(row) for row in conn.execute(sa.select(schema.verdict)).mappings()]
    if rows:
        with opened(other) as engine, begin(engine) as conn:
            conn.execute(sa.insert(schema.verdict), rows)


def hold_to_one_run(
    template: Path,
    place: Path,
    steps: list[tuple[Changes, Stop]],
    params: dict[str, Any],
    *,
    batch: int = 500,
    chunk: int = 1000,
    decided: list[list[tuple[Decision, Stop]]] | None = None,
) -> Dump:
    """Takes the steps, each with a run (some of which die) and decisions, and compares with one run over what came out."""
    folder = Folder(place / "sources")
    url = copy_of(template, place / "steps.db")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(linking, "CHUNK_ARTICLES", chunk)
        small.setattr(stories, "CHUNK_NODES", chunk)
        for (wanted, stop), decisions in itertools.zip_longest([*steps, ({}, None)], (decided or [])[: len(steps)], fillvalue=[]):
            folder.change({slot: None if item is None else content(slot, *item) for slot, item in wanted.items()})
            with stopped_at(*stop) if stop else nullcontext():
                run_folder(folder.root, url, match=params, batch_articles=batch)
            for decision, when in decisions:
                with stopped_at(*when) if when else nullcontext():
                    decide(url, params, decision)
    whole = dump(url)
    assert_settled(whole)
    forgotten = {"/".join(key) for key in whole["tombstone"]}
    assert {key for key, row in whole["article"].items() if not row["gone"]} == set(folder.files) - forgotten
    assert forgotten.isdisjoint(whole["article"])
    final = Folder(place / "final")
    final.change({slot: item for slot, item in folder.files.items() if slot not in forgotten} | gone_contents(whole))
    found = dump(url, history=False)
    assert_as_walked(found, walk.walk(documents(final.root), make_settings(url, match=params).match_params, judged(url)))
    other = copy_of(template, place / "once.db")
    copy_verdicts(url, other)
    run_folder(final.root, other, match=params)
    assert_same(found, dump(other, history=False))
    return found


def copy_of(template: Path, path: Path) -> str:
    for rest in path.parent.glob(f"{path.name}*"):
        rest.unlink()
    shutil.copy(template, path)
    return sqlite_url(path)


def gone_contents(found: Dump) -> dict[str, Content]:
    """What articles that are gone last said: they keep their place."""
    gone = {key: found["revision"][row["revision_id"]] for key, row in found["article"].items() if row["gone"]}
    return {key: (row["raw_text"], json.loads(row["given"]).get("published")) for key, row in gone.items()}


# --- what property tests seldom hit ----------------------------------------------------------------


def test_the_id_of_a_cluster_whose_founder_left_is_not_given_twice(sqlite_template: Path, place: Path) -> None:
    a0, a1, a2, b0 = "alpha/a0.txt", "alpha/a1.txt", "alpha/a2.txt", "beta/b0.txt"
    steps: list[tuple[Changes, Stop]] = [
        ({a0: ([0], 0, 1), a1: ([0], 0, 2), a2: ([0], 0, 3)}, None),
        ({a0: ([1], 0, 1)}, None),  # the founder leaves; its id stays with the others
        ({b0: ([1], 0, 2)}, None),  # and founds another one
    ]
    found = hold_to_one_run(sqlite_template, place, steps, {})
    assert found["copy_cluster"] == {frozenset({a1, a2}): a1, frozenset({a0, b0}): a0}


def test_a_founder_that_left_its_cluster_is_a_node_of_its_own(sqlite_template: Path, place: Path) -> None:
    a0, a1, a2, b0 = "alpha/a0.txt", "alpha/a1.txt", "alpha/a2.txt", "beta/b0.txt"
    steps: list[tuple[Changes, Stop]] = [
        ({a0: ([0, 1, 2], 0, 1), a1: ([0, 1, 4], 0, 2), a2: ([0, 2, 4], 0, 3), b0: ([4], 0, 4)}, None),
        ({a0: ([4], 0, 1)}, None),  # three nodes carry the quotation: the founder, the cluster, another one
    ]
    found = hold_to_one_run(sqlite_template, place, steps, {"story_passage_nodes": 2} | BY_PASSAGES)
    assert set(found["story"]) == {frozenset({a1, a2}), frozenset({a0}), frozenset({b0})}


def test_a_passage_that_becomes_wide_parts_stories_far_away(sqlite_template: Path, place: Path) -> None:
    w, x, y, v0, v1 = "alpha/a0.txt", "alpha/a1.txt", "alpha/a2.txt", "beta/b0.txt", "beta/b1.txt"
    late = {"beta/c.jsonl#r0", "beta/c.jsonl#r1"}
    # x leads {w, x, y}; x and y carry a quotation that two much later articles carry too.
    first: Changes = {w: ([0], 0, 1), x: ([0, 4, 1], 0, 1), y: ([1, 4], 0, 1)} | {k: ([4], 0, 25) for k in late}
    # Now w leads, y is alone, and the quotation has a node more.
    second: Changes = {v0: ([2], 0, 1), v1: ([3], 0, 1), w: ([0, 2, 3], 0, 1)}
    params = {"story_passage_nodes": 3} | BY_PASSAGES
    found = hold_to_one_run(sqlite_template, place, [(first, None)], params)
    assert frozenset(late) in found["story"]
    found = hold_to_one_run(sqlite_template, place, [(first, None), (second, None)], params)
    assert frozenset(late) not in found["story"]
    found = hold_to_one_run(sqlite_template, place, [(first | second, None), (first, None)], params)
    assert frozenset(late) in found["story"]
