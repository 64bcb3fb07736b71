"""The steps of a run as plain functions, and their one order.

`run_steps` takes how a step is called: directly, or as a Prefect task
(`flows.ingest`). Steps take the run and small numbers, never texts.
"""

from __future__ import annotations

import logging
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from db import queries, store
from flows.grouping import group
from flows.intake import Intake
from flows.linking import Linking
from flows.run import Run, stage_keys, utc_now
from flows.sources import find_origins
from pipeline import walk
from pipeline.errors import StaleStoreError, WorkerError
from pipeline.records import BadDocument, RawDocument
from pipeline.terms import count_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from db.engine import Connection
    from db.rows import StoredArticle
    from flows.settings import Settings
    from flows.sources import Origin

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class CallStep(Protocol):
    """How a step is called."""

    def __call__(self, step: Callable[..., Result], /, *args: Any) -> Result:
        """Runs the step and gives back what it returns."""


def directly(step: Callable[..., Result], /, *args: Any) -> Result:
    """Calls a step as the function it is."""
    return step(*args)


class Work:
    """What the steps of one run hand to each other."""

    def __init__(self, run: Run, origins: Sequence[Origin] = (), paths: Sequence[Path] = ()) -> None:
        self.run = run
        self.intake = Intake(run, origins, paths)
        self.linking = Linking(run)


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        run_id: its row in the run log.
        new, changed, unchanged, gone: articles; back: those of the unchanged that had been gone.
        forgotten: documents that were read over because a person had their article forgotten.
        quarantined: documents that could not be read.
        pairs, links: compared and found; capped: buckets too large to propose all their pairs.
        stories_changed: made or changed.
        totals: how many articles, stories, copy clusters, passages and links are stored now.
        seconds: by stage.
    """

    run_id: int
    new: int
    changed: int
    unchanged: int
    gone: int
    back: int
    forgotten: int
    quarantined: int
    pairs: int
    links: int
    capped: int
    stories_changed: int
    totals: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def nothing_changed(self) -> bool:
        """Nothing was new, changed or gone."""
        return not (self.new or self.changed or self.gone or self.back or self.links or self.stories_changed)


# ------------------------------------------------------------------- the steps


def scan(work: Work) -> int:
    """Finds the files that are new or changed, and those that are gone."""
    return work.intake.scan()


def take_in_batch(work: Work) -> bool:
    """Cleans, sketches and saves the next batch; False when none was left."""
    return work.intake.next_batch()


def clean_anew(work: Work) -> int:
    """Makes the texts and sketches that other versions or parameters made; for `refresh`."""
    return _clean_anew(work.run)


def freeze_frequencies(work: Work) -> bool:
    """Counts in how many of the stored articles each term stands; for `refresh`. If that changed, all is grouped anew."""
    with work.run.writing() as conn:
        counted = count_documents([np.frombuffer(blob, "<u4") for blob in queries.all_terms(conn)])
        stored = queries.frequencies(conn)
        if stored is not None and stored.to_bytes() == counted.to_bytes():
            return False
        store.set_frequencies(conn, counted)
        store.forget_clusters(conn)
        return True


def plan_matching(work: Work) -> int:
    """Finds the candidate pairs of all that is marked; the number of chunks."""
    return work.linking.plan()


def match_chunk(work: Work, number: int) -> None:
    """Aligns the pairs of a chunk and saves their links."""
    work.linking.save_chunk(number)


def cluster(work: Work) -> int:
    """Forms passages, copy clusters and stories anew where something changed."""
    return group(work.run)


# -------------------------------------------------------------- their one order


def run_sources(
    settings: Settings,
    paths: Sequence[Path],
    *,
    call: CallStep = directly,
    wait_seconds: float = 0.0,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Summary:
    """Takes in the sources at these paths, matches and clusters what is new.

    Raises:
        SourceError, ParamsError, StoreError: nothing was begun, or what was begun will be finished by the next run.
    """
    origins = find_origins(paths)
    run = Run(settings, progress=progress)
    try:
        run.begin_run(wait_seconds=wait_seconds)
        return _guarded(run, lambda: _take_in_and_match(Work(run, origins, paths), call))
    finally:
        run.close()


def refresh(
    settings: Settings,
    *,
    call: CallStep = directly,
    wait_seconds: float = 0.0,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Summary:
    """Makes anew what other versions or parameters have made, from the first stage that differs."""
    run = Run(settings, progress=progress)
    try:
        run.begin_run(wait_seconds=wait_seconds, any_params=True, command="refresh")
        return _guarded(run, lambda: _refresh(Work(run), call))
    finally:
        run.close()


def decide(
    settings: Settings,
    command: str,
    change: Callable[[Run, Connection], Result],
    *,
    wait_seconds: float = 0.0,
    any_params: bool = False,
) -> tuple[Result, Summary]:
    """Stores a person's decision, which marks what it touches, and works off the marks: a small run.

    Args:
        settings: the database and the parameters.
        command: what the run log calls it.
        change: stores the decision, in one transaction.
        wait_seconds: how long to wait for another run.
        any_params: store it even if other parameters made the database; the marks then wait for `refresh`.

    Returns:
        what `change` returned, and what the run did.
    """
    run = Run(settings)
    results = []

    def steps() -> Summary:
        with run.writing() as conn:
            results.append(change(run, conn))
        try:
            with run.reading() as conn:
                queries.check_keys(conn, run.params)
        except StaleStoreError:
            return _sum_up(run, 0)
        return _match(Work(run), directly)

    try:
        run.begin_run(wait_seconds=wait_seconds, any_params=any_params, command=command)
        summary = _guarded(run, steps)
    finally:
        run.close()
    return results[0], summary


def _guarded(run: Run, steps: Callable[[], Summary]) -> Summary:
    """Runs the steps and closes the run log, whichever way they end."""
    try:
        summary = steps()
    except BrokenProcessPool as error:
        run.finish("failed")
        message = "a worker process died, most likely for want of memory; set workers = 1 or give it more, and run again"
        raise WorkerError(f"{message}: the next run goes on where this one stopped") from error
    except BaseException:
        try:
            run.finish("failed")
        except Exception:  # the first error is the one to show
            log.warning("the run log could not be closed", exc_info=True)
        raise
    run.finish("done")
    return summary


def _take_in_and_match(work: Work, call: CallStep) -> Summary:
    call(scan, work)
    while call(take_in_batch, work):
        pass
    return _match(work, call)


def _refresh(work: Work, call: CallStep) -> Summary:
    run, wanted = work.run, stage_keys(work.run.params)
    with run.writing() as conn:
        if queries.state(conn).get("sketch_key", wanted["sketch_key"]) != wanted["sketch_key"]:
            # Sketches of two kinds from here on: if this dies, no parameters fit until another refresh is through.
            store.set_state(conn, dict.fromkeys(wanted, "refreshing"))
    call(clean_anew, work)
    call(freeze_frequencies, work)
    with run.writing() as conn:
        stored = queries.state(conn)
        if stored.get("match_key", wanted["match_key"]) != wanted["match_key"]:
            store.forget_matches(conn)
        elif stored.get("cluster_key", wanted["cluster_key"]) != wanted["cluster_key"]:
            store.forget_clusters(conn)
        store.set_state(conn, wanted)
    return _match(work, call)


def _match(work: Work, call: CallStep) -> Summary:
    for number in range(call(plan_matching, work)):
        call(match_chunk, work, number)
    return _sum_up(work.run, call(cluster, work))


def _sum_up(run: Run, stories_changed: int) -> Summary:
    with run.reading() as conn:
        totals = queries.totals(conn)
    names = ("new", "changed", "unchanged", "gone", "back", "forgotten", "quarantined", "pairs", "links", "capped")
    counts = {name: run.counts[name] for name in names}
    return Summary(run.run_id, **counts, stories_changed=stories_changed, totals=totals, seconds=dict(run.seconds))


def _clean_anew(run: Run) -> int:
    size = run.settings.batch_articles
    with run.reading() as conn:
        outdated = queries.outdated_articles(conn, text_key=walk.text_key(), sketch_key=run.params.sketch_key)
    for at in range(0, len(outdated), size):
        with run.stage("clean anew"):
            with run.reading() as conn:
                stored = list(queries.load_articles(conn, outdated[at : at + size]).values())
            _save_anew(run, stored)
        run.report("cleaning anew", min(at + size, len(outdated)), len(outdated))
    return len(outdated)


def _save_anew(run: Run, stored: Sequence[StoredArticle]) -> None:
    for origin in sorted({item.article.origin for item in stored}):
        documents = [_document(item) for item in stored if item.article.origin == origin]
        future = run.executor(small=len(documents) < run.settings.batch_articles).submit(
            walk.prepare, documents, origin, run.params
        )
        prepared = future.result()
        bad = [item for item in prepared if isinstance(item, BadDocument)]
        with run.writing() as conn:
            saved = store.save_articles(
                conn,
                run_id=run.run_id,
                now=utc_now(),
                sketched=[item for item in prepared if not isinstance(item, BadDocument)],
                text_key=walk.text_key(),
                sketch_key=run.params.sketch_key,
                remake=True,
            )
            store.quarantine(conn, run_id=run.run_id, now=utc_now(), origin=origin, bad=bad)
        run.counts.update(changed=saved.changed, quarantined=len(bad))


def _document(item: StoredArticle) -> RawDocument:
    article = item.article
    if item.page is not None:
        return RawDocument(article.uri, article.path, item.page, "text/html", item.given)
    return RawDocument(article.uri, article.path, article.raw_text, "text/plain", item.given)
