"""Killed anywhere and run again: the same database as without the kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    Dump,
    assert_same,
    assert_settled,
    dump,
    make_settings,
    run_folder,
    run_log,
    sqlite_url,
    story_text,
    words,
    write_file,
    write_jsonl,
)

from flows.forgetting import forget
from flows.judging import Statement, give
from pipeline.records import hash63

MATCH = {"bucket_articles": 4, "bucket_leaders": 2}

# A process that forks one child for each point, so that what it imports is loaded once. A child does a run and
# kills itself at its point: at the n-th call of a function of the store (before, or when it has done its work),
# at the n-th statement of SQL, or when the n-th transaction that writes is committed.
KILLER = """
import contextlib, json, os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from db import store
from db.engine import open_engine
from flows import linking
from flows.forgetting import forget
from flows.judging import Statement, give
from flows.run import Run
from flows.steps import run_sources
from helpers import make_settings

linking.CHUNK_ARTICLES = 4

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at_call(owner, name, number, when):
    left, original = [number], getattr(owner, name)
    def counted(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0 and when == "before":
            die()
        result = original(*args, **kwargs)
        if left[0] == 0:
            die()
        return result
    setattr(owner, name, counted)

def at_statement(number):
    left = [number]
    def counted(*rest):
        left[0] -= 1
        if left[0] == 0:
            die()
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", counted)

def at_commit(number):
    left, original = [number], Run.writing
    @contextlib.contextmanager
    def counted(run):
        with original(run) as conn:
            yield conn
        left[0] -= 1
        if left[0] == 0:
            die()
    Run.writing = counted

for job in json.load(sys.stdin):
    pid = os.fork()
    if pid == 0:
        what, *rest = job["point"]
        {"statement": at_statement, "commit": at_commit}.get(what, lambda *a: at_call(store, what, *a))(*rest)
        settings = make_settings(job["url"], match=job["match"], batch_articles=3)
        if "forget" in job:
            forget(settings, job["forget"], reason="asked to", by="ann")
        elif "said" in job:
            give(settings, Statement(*job["said"], by="ann"))
        else:
            run_sources(settings, [Path(job["folder"])])
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)
"""


def kill_at(jobs: list[dict[str, Any]]) -> list[int]:
    """The signals that runs died of; 0: it came to its end, below: it failed."""
    tests = str(Path(__file__).parent)
    code = f"import sys; sys.path[:0] = [{tests!r}, {str(Path(tests).parent)!r}]\n{KILLER}"
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(jobs), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine articles of two origins, a container and two bad documents; buckets are capped."""
    root = tmp_path_factory.mktemp("kill") / "sources"
    shared = [f"{words(('shared', k), 25)}." for k in range(3)]
    for k in range(5):
        write_file(root / "alpha" / f"a{k}.txt", story_text(k, shared[0], *shared[1 : 1 + k % 3]))
    write_jsonl(root / "alpha" / "metadata.jsonl", [{"path": f"a{k}.txt", "published": f"2019-03-0{k + 1}"} for k in range(3)])
    records: list[Any] = [{"id": f"r{k}", "text": story_text(("r", k), shared[k % 3])} for k in range(5)]
    write_jsonl(root / "beta" / "c.jsonl", [*records[:2], "{broken", *records[2:]])
    write_file(root / "beta" / "empty.txt", "")
    return root


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Dump:
    url = sqlite_url(folder.parent / "undisturbed.db")
    run_folder(folder, url, match=MATCH)
    found = dump(url)
    assert_settled(found)
    assert len(found["article"]) == 10
    assert len(found["quarantine"]) == 2
    return found


def hold(url: str, folder: Path, undisturbed: Dump, point: object) -> None:
    """A second run takes over at once and ends as if nothing had been."""
    assert [row["status"] for row in run_log(url)] in (["running"], []), point
    started = time.monotonic()
    run_folder(folder, url, match=MATCH)
    assert time.monotonic() - started < 20  # the dead one's lease would have lasted a minute
    assert [row["status"] for row in run_log(url)] in (["died", "done"], ["done"]), point
    try:
        assert_same(dump(url), undisturbed)
    except AssertionError as error:
        error.add_note(f"killed at {point}")
        raise


CALLS = [
    (name, number, when)
    for name, number in [
        ("save_articles", 1),
        ("save_articles", 3),
        ("save_file_states", 2),
        ("mark_for_matching", 1),
        ("clear_retired", 1),
        ("save_matches", 1),
        ("save_matches", 2),
        ("replace_passages", 1),
        ("save_copy_clusters", 1),
        ("save_stories", 1),
        ("mark_clustered", 1),
        ("finish_run", 1),
    ]
    for when in ("before", "after")
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed")


def kill_and_hold(points: list[tuple[Any, ...]], places: Path, folder: Path, undisturbed: Dump, template: Path) -> None:
    jobs = []
    for point in points:
        path = places / f"{'-'.join(map(str, point))}.db"
        path.write_bytes(template.read_bytes())
        jobs.append({"url": sqlite_url(path), "folder": str(folder), "match": MATCH, "point": point})
    signals = kill_at(jobs)
    assert signals == [signal.SIGKILL] * len(jobs), list(zip(points, signals, strict=False))
    for job in jobs:
        hold(job["url"], folder, undisturbed, job["point"])


def test_killed_in_the_functions_of_the_store(places: Path, folder: Path, undisturbed: Dump, sqlite_template: Path) -> None:
    kill_and_hold(CALLS, places, folder, undisturbed, sqlite_template)


def test_killed_between_transactions(places: Path, folder: Path, undisturbed: Dump, sqlite_template: Path) -> None:
    points = [("commit", number) for number in range(1, 12)]
    kill_and_hold(points, places, folder, undisturbed, sqlite_template)


@pytest.mark.slow
def test_killed_at_any_statement(places: Path, folder: Path, undisturbed: Dump, sqlite_template: Path) -> None:
    points = [("statement", number) for number in range(5, 155, 5)]
    kill_and_hold(points, places, folder, undisturbed, sqlite_template)


def test_killed_twice_with_changes_between(tmp_path: Path, sqlite_template: Path) -> None:
    shared = f"{words('twice', 25)}."
    sources, path = tmp_path / "sources", tmp_path / "twice.db"
    for k in range(6):
        write_file(sources / f"a{k}.txt", story_text(k, shared))
    path.write_bytes(sqlite_template.read_bytes())
    job = {"url": sqlite_url(path), "folder": str(sources), "match": MATCH}
    assert kill_at([job | {"point": ("save_matches", 2, "before")}]) == [signal.SIGKILL]
    write_file(sources / "a5.txt", story_text("else"))
    write_file(sources / "a6.txt", story_text(6, shared))
    assert kill_at([job | {"point": ("save_stories", 1, "after")}]) == [signal.SIGKILL]
    write_file(sources / "a0.txt", story_text("new", shared))
    run_folder(sources, job["url"], match=MATCH)
    assert [row["status"] for row in run_log(job["url"])] == ["died", "died", "done"]
    other = sqlite_url(tmp_path / "once.db")
    run_folder(sources, other, match=MATCH)
    assert_same(dump(job["url"], history=False), dump(other, history=False))


def decide_undisturbed(job: dict[str, Any]) -> Dump:
    """What a decision makes if nothing comes between; it may have been taken already."""
    values = make_settings(job["url"], match=MATCH)
    if "said" in job:
        give(values, Statement(*job["said"], by="ann"))
    elif not dump(job["url"])["tombstone"]:
        forget(values, job["forget"], reason="asked to", by="ann")
    return dump(job["url"])


POINTS = [
    *(("statement", number) for number in range(6, 62, 5)),
    *(("commit", number) for number in range(1, 4)),
    ("save_stories", 1, "before"),
    ("mark_clustered", 1, "after"),
]


@pytest.mark.slow
@pytest.mark.parametrize("decision", ["forget", "same", "different", "quote"])
def test_killed_in_a_decision(decision: str, tmp_path: Path, folder: Path, sqlite_template: Path) -> None:
    """A decision holds wholly or not at all, and the next run finishes it."""
    before = tmp_path / "before.db"
    before.write_bytes(sqlite_template.read_bytes())
    run_folder(folder, sqlite_url(before), match=MATCH)
    plain = dump(sqlite_url(before))
    home = {name: members for members in plain["copy_cluster"] for name in members}
    strangers = next([one, other] for one in sorted(home) for other in sorted(plain["article"]) if other not in home[one])
    said = {
        "same": [*strangers, "copy"],
        "different": ["alpha/a3.txt", "alpha/a4.txt", "story"],
        "quote": ["alpha/a0.txt", "alpha/a4.txt"],
    }
    what: dict[str, Any] = (
        {"forget": [hash63("alpha", "a3.txt")]} if decision == "forget" else {"said": [decision, *said[decision]]}
    )
    jobs = []
    for point in [*POINTS, ()]:
        path = tmp_path / f"{'-'.join(map(str, point))}.db"
        path.write_bytes(before.read_bytes())
        jobs.append(what | {"url": sqlite_url(path), "folder": str(folder), "match": MATCH, "point": point})
    wanted = decide_undisturbed(jobs.pop())
    assert_settled(wanted)
    assert any(wanted[name] != plain[name] for name in ("story", "copy_cluster", "link"))
    died = kill_at(jobs)
    assert died.count(signal.SIGKILL) > len(jobs) // 2
    outcomes = set()
    for job in jobs:
        run_folder(folder, job["url"], match=MATCH)
        found = dump(job["url"])
        stored = bool(found["tombstone"] or found["verdict"])
        outcomes.add(stored)
        assert_same(found, wanted if stored else plain)
        assert_same(decide_undisturbed(job), wanted)
    assert outcomes == {True, False}


def test_killed_on_postgresql(postgres_url: str, folder: Path, undisturbed: Dump) -> None:
    points = [("save_articles", 2, "after"), ("save_matches", 2, "before"), ("save_stories", 1, "after"), ("commit", 6)]
    jobs = [{"url": postgres_url, "folder": str(folder), "match": MATCH, "point": point} for point in points]
    died = kill_at(jobs)
    assert died[:2] == [signal.SIGKILL] * 2
    run_folder(folder, postgres_url, match=MATCH)
    log = [row["status"] for row in run_log(postgres_url)]
    assert log[:2] == ["died", "died"]
    assert log[-1] == "done"
    assert_same(dump(postgres_url), undisturbed)
