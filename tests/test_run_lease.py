"""One run writes at a time, and a run that was overtaken stops; parameters change by `refresh` alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    assert_same,
    assert_settled,
    dump,
    make_settings,
    query,
    run_folder,
    run_log,
    sqlite_url,
)

from db import store
from db.engine import begin
from flows import run as run_module
from flows import steps
from flows.run import Run, utc_now
from pipeline import boilerplate, walk
from pipeline.errors import LeaseHeldError, StaleStoreError
from pipeline.records import Article

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds"

HOLDER = """
import sys
from flows.run import Run
from helpers import make_settings
run = Run(make_settings(sys.argv[1]))
run.begin_run()
print("holds", flush=True)
sys.stdin.readline()
run.finish("done")
run.close()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "wirecopy.db")


@contextmanager
def other_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """A run in another process, which holds the lease until it gets a line."""
    code = f"import sys; sys.path[:0] = [{str(ROOT / 'tests')!r}, {str(ROOT)!r}]\n{HOLDER}"
    with subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


# --- the lease -------------------------------------------------------------------------------------


def test_a_second_run_is_refused_waits_or_takes_over(url: str) -> None:
    with other_process(url) as process:
        with pytest.raises(LeaseHeldError, match="another run is writing") as caught:
            run_folder(SEEDS, url)
        assert f":{process.pid}:" in caught.value.holder
        assert query(url, "SELECT * FROM article") == []
        with pytest.raises(LeaseHeldError):
            steps.refresh(make_settings(url))

        threading.Timer(0.5, end, [process]).start()
        summary = steps.run_sources(make_settings(url), [SEEDS], wait_seconds=30)
        assert summary.new == 19
        assert process.wait(10) == 0
    assert [row["status"] for row in run_log(url)] == ["done", "done"]
    with other_process(url) as process:
        process.kill()
        process.wait()
        assert run_folder(SEEDS, url).nothing_changed  # at once: no process of this host has its id
    assert [row["status"] for row in run_log(url)] == ["done", "done", "died", "done"]


def test_waiting_has_an_end(url: str) -> None:
    with other_process(url):
        started = time.monotonic()
        with pytest.raises(LeaseHeldError):
            steps.run_sources(make_settings(url), [SEEDS], wait_seconds=1.2)
        assert 1.2 <= time.monotonic() - started < 10


def overtake(url: str) -> None:
    """Another host takes the lease, as it may when ours was not renewed for a minute."""
    run = Run(make_settings(url))
    with begin(run.engine) as conn:
        conn.exec_driver_sql("UPDATE lease SET holder = 'elsewhere:1:1', host = 'elsewhere'")
    run.close()


def test_a_run_that_was_overtaken_stops_writing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[Any] = []

    def call(step: Any, /, *args: Any) -> Any:
        if step is steps.plan_matching:
            overtake(url)
            before.append(dump(url))
        return step(*args)

    with pytest.raises(LeaseHeldError, match="lost the right to write to elsewhere"):
        steps.run_sources(make_settings(url), [SEEDS], call=call)
    assert_same(dump(url), before[0])
    [row] = query(url, "SELECT holder FROM lease")
    assert row["holder"] == "elsewhere:1:1"  # not given back for another one
    assert [row["status"] for row in run_log(url)] == ["running"]
    with pytest.raises(LeaseHeldError):
        run_folder(SEEDS, url)
    later = utc_now() + run_module.dt.timedelta(seconds=run_module.LEASE_SECONDS + 1)
    monkeypatch.setattr(run_module, "utc_now", lambda: later)
    run_folder(SEEDS, url)
    assert [row["status"] for row in run_log(url)] == ["died", "done"]


def test_the_heart_beats(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "HEARTBEAT_SECONDS", 0.05)
    run = Run(make_settings(url))
    run.begin_run()
    try:
        ends = set()
        for _ in range(200):
            ends.add(query(url, "SELECT expires_at FROM lease")[0]["expires_at"])
            if len(ends) >= 3:
                break
            time.sleep(0.02)
        assert len(ends) >= 3
    finally:
        run.close()
    assert query(url, "SELECT * FROM lease") == []
    assert not [thread for thread in threading.enumerate() if thread.name == "wirecopy lease"]


def test_what_failed_to_begin_gives_the_lease_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_folder(SEEDS, url)
    with pytest.raises(StaleStoreError):
        run_folder(SEEDS, url, match={"gap_tokens": 3})
    assert query(url, "SELECT * FROM lease") == []
    with monkeypatch.context() as patch:
        patch.setattr(store, "start_run", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_folder(SEEDS, url)
    assert query(url, "SELECT * FROM lease") == []


# --- refresh ---------------------------------------------------------------------------------------

CHANGES = {
    "sketch": {"shingle_tokens": 5, "bands": 4},
    "match": {"gap_tokens": 2, "recycled_after_days": 400},
    "cluster": {"copy_min_tokens": 40, "story_window_days": 100},
}


def remade(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many articles are cleaned, and chunks matched."""
    counts = {"prepare": 0, "save_matches": 0}
    prepare, save = walk.prepare, store.save_matches

    def counted_prepare(documents: Any, *rest: Any) -> Any:
        counts["prepare"] += len(documents)
        return prepare(documents, *rest)

    def counted_save(*args: Any, **kwargs: Any) -> Any:
        counts["save_matches"] += 1
        return save(*args, **kwargs)

    monkeypatch.setattr(walk, "prepare", counted_prepare)
    monkeypatch.setattr(store, "save_matches", counted_save)
    return counts


@pytest.mark.parametrize("stage", CHANGES)
def test_other_parameters_stop_a_run_until_refresh(stage: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_folder(SEEDS, url)
    before = dump(url)
    with pytest.raises(StaleStoreError, match="wirecopy refresh") as caught:
        run_folder(SEEDS, url, match=CHANGES[stage])
    assert caught.value.stage == stage
    assert_same(dump(url), before)

    counts = remade(monkeypatch)
    steps.refresh(make_settings(url, match=CHANGES[stage], batch_articles=4))
    assert (counts["prepare"] > 0, counts["save_matches"] > 0) == (stage == "sketch", stage != "cluster")
    monkeypatch.undo()
    fresh = sqlite_url(tmp_path / "fresh.db")
    run_folder(SEEDS, fresh, match=CHANGES[stage])
    found = dump(url)
    assert_settled(found)
    assert_same(found, dump(fresh))
    assert run_folder(SEEDS, url, match=CHANGES[stage]).nothing_changed
    counts = remade(monkeypatch)
    assert steps.refresh(make_settings(url, match=CHANGES[stage])).nothing_changed
    assert counts == {"prepare": 0, "save_matches": 0}
    assert_same(dump(url), found)


class StopError(Exception):
    """The end of a refresh in the middle of it."""


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6, 7, 9])
def test_refresh_after_a_refresh_that_died(number: int, url: str, tmp_path: Path) -> None:
    run_folder(SEEDS, url)
    die_in_refresh(url, number)
    wanted = make_settings(url, match=CHANGES["sketch"], batch_articles=4)
    steps.refresh(wanted)
    fresh = sqlite_url(tmp_path / "fresh.db")
    run_folder(SEEDS, fresh, match=CHANGES["sketch"])
    assert_same(dump(url), dump(fresh))


def die_in_refresh(url: str, number: int) -> None:
    original, left = Run.writing, [number]

    @contextmanager
    def writing(run: Run) -> Iterator[Any]:
        with original(run) as conn:
            yield conn
            left[0] -= 1
            if left[0] < 0:
                raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "writing", writing)
        patch.setattr("flows.linking.CHUNK_ARTICLES", 6)
        with pytest.raises(StopError):
            steps.refresh(make_settings(url, match=CHANGES["sketch"], batch_articles=4))


@pytest.mark.parametrize("number", [2, 4])
def test_after_a_refresh_that_died_the_old_parameters_are_stale_too(number: int, url: str) -> None:
    run_folder(SEEDS, url)
    die_in_refresh(url, number)
    with pytest.raises(StaleStoreError):
        run_folder(SEEDS, url)
    steps.refresh(make_settings(url))
    fresh = sqlite_url(Path(url.removeprefix("sqlite:///")).with_name("fresh.db"))
    run_folder(SEEDS, fresh)
    assert_same(dump(url), dump(fresh))


def test_other_rules_make_other_texts(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_folder(SEEDS, url)
    clean = boilerplate.clean

    def less(article: Article, **rest: Any) -> Article:
        made = clean(article, **rest)
        return replace(made, removed=made.removed[:1])

    monkeypatch.setattr(boilerplate, "clean", less)
    monkeypatch.setattr(boilerplate, "RULES_VERSION", "other")
    assert run_folder(SEEDS, url).nothing_changed  # stored texts stay until they are made anew
    summary = steps.refresh(make_settings(url, batch_articles=5))
    assert summary.changed == 19
    fresh = sqlite_url(tmp_path / "fresh.db")
    run_folder(SEEDS, fresh)
    assert_same(dump(url), dump(fresh))
    assert steps.refresh(make_settings(url)).nothing_changed


def test_refresh_needs_no_sources(url: str, tmp_path: Path) -> None:
    folder = shutil.copytree(SEEDS, tmp_path / "seeds")
    run_folder(folder, url)
    shutil.rmtree(folder)
    steps.refresh(make_settings(url, match=CHANGES["sketch"]))
    assert_settled(dump(url))
