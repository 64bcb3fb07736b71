"""From source folders to stored articles: what is new is read, cleaned, sketched, saved.

A batch is one transaction. Batches are prepared ahead in worker processes and
saved in order, so that what is stored does not depend on who was faster.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from db import queries, store
from db.rows import FileState
from flows.run import utc_now
from flows.sources import FoundFile, list_files, read_documents
from pipeline import walk
from pipeline.errors import SourceError
from pipeline.records import BadDocument, RawDocument, SketchedArticle, hash63

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from concurrent.futures import Future

    from flows.run import Run
    from flows.sources import Origin

Item = TypeVar("Item", RawDocument, BadDocument)

log = logging.getLogger(__name__)

BATCH_BYTES = 16_000_000
"""A batch is closed at so much text even if it has few documents: it must fit memory many times over."""

SMALL_INTAKE = 1_000
"""Texts up to which an intake is not worth starting processes: some 0.6 s of work."""

PAGE_WEIGHT = 16
"""Texts that take as long to clean as one HTML page."""


class _FileRead(NamedTuple):
    """A file was read to its end; `uris` of its records, `whole` if none of them was bad."""

    found: FoundFile
    uris: frozenset[str]
    whole: bool


@dataclass
class _Batch:
    """What one transaction stores, all of one origin."""

    origin: str
    documents: list[RawDocument] = field(default_factory=list)
    bad: list[BadDocument] = field(default_factory=list)
    files: list[_FileRead] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    size: int = 0

    def is_full(self, documents: int) -> bool:
        return len(self.documents) + len(self.bad) + len(self.files) >= 2 * documents or (
            len(self.documents) >= documents or self.size >= BATCH_BYTES
        )


class Intake:
    """The intake of one run; `scan`, then `next_batch` until it says that nothing is left."""

    def __init__(self, run: Run, origins: Sequence[Origin], paths: Sequence[Path] = ()) -> None:
        self._run = run
        self._origins = origins
        self._folders = {path.resolve() for path in paths if path.is_dir()}
        self._todo: list[tuple[Origin, FoundFile]] = []
        self._open_quarantine: set[tuple[str, str]] = set()
        self._still_bad: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # a file can lie in several batches
        self._ahead: deque[tuple[_Batch, Future[list[SketchedArticle | BadDocument]]]] = deque()
        self._batches: Iterator[_Batch] | None = None
        self._forgotten: dict[str, set[str]] = {}  # uris by origin
        self._seen = 0  # sources that hold something, or did
        self._known_origins: Collection[str] = ()
        self._done = 0
        self._weight = 0

    def scan(self) -> int:
        """Looks which files are new or changed, and which are gone; returns how many are to be read.

        Raises:
            SourceError: a source has the key of another one that was taken in before and is still there.
        """
        self._refuse_namesakes()
        for origin in self._origins:
            with self._run.stage("scan"):
                self._scan(origin)
        self._leave_vanished()
        if self._origins and not self._seen and all(origin.root.resolve() in self._folders for origin in self._origins):
            places = ", ".join(str(origin.root) for origin in self._origins)
            raise SourceError(f"{places}: nothing to read; put .txt, .html or .jsonl files into it", place=places)
        log.info("%d files to read in %d sources", len(self._todo), len(self._origins))
        return len(self._todo)

    def _refuse_namesakes(self) -> None:
        """One key for two folders, in two runs: each would take the other's articles for gone. A folder may move, though."""
        with self._run.reading() as conn:
            roots = queries.origin_roots(conn)
        self._known_origins = roots.keys()
        for origin in self._origins:
            now, before = origin.root.resolve(), Path(roots.get(origin.key, origin.root.resolve()))
            if before != now and before.exists():
                message = f"the source {origin.key!r} was taken in from {before}, which is still there; this is {now}"
                remedy = 'put name = "..." into the source.toml of one'
                raise SourceError(f"{message}: {remedy}", place=str(origin.root))

    def _leave_vanished(self) -> None:
        """Sources that lay below a folder of this run and are not there any more: their articles are gone."""
        run, keys = self._run, {origin.key for origin in self._origins}
        with run.reading() as conn:
            roots = {key: Path(root) for key, root in queries.origin_roots(conn).items() if key not in keys}
            gone = [key for key, root in roots.items() if not root.exists() and not self._folders.isdisjoint(root.parents)]
            paths = {key: queries.file_states(conn, key).keys() | queries.article_counts(conn, key).keys() for key in gone}
        for key in gone:
            with run.writing() as conn:
                lost = store.mark_gone(conn, origin=key, run_id=run.run_id, now=utc_now(), paths=paths[key])
            run.counts["gone"] += lost

    def _scan(self, origin: Origin) -> None:
        run = self._run
        with run.reading() as conn:
            known = queries.file_states(conn, origin.key)
            counts = queries.article_counts(conn, origin.key)
            self._forgotten[origin.key] = queries.forgotten_uris(conn, origin.key)
            self._open_quarantine |= {(origin.key, path) for path in queries.open_quarantine(conn, origin.key)}
        found: dict[str, FoundFile] = {}
        bad = []
        for item in list_files(origin):
            if isinstance(item, BadDocument):
                bad.append(item)
            else:
                found[item.path] = item
        if not found and not bad and origin.key not in self._known_origins:
            return  # an empty folder that never was another: nothing to remember
        self._seen += 1
        for path, item in found.items():
            if known.get(path) == _state(item):
                run.counts["unchanged"] += counts.get(path, 0)
            else:
                self._todo.append((origin, item))
        gone = {path for path in known.keys() | counts.keys() if path not in found and not _is_hidden(path, bad)}
        run.counts["quarantined"] += len(bad)
        now = utc_now()
        with run.writing() as conn:
            run.counts["gone"] += store.mark_gone(conn, origin=origin.key, run_id=run.run_id, now=now, paths=gone)
            store.quarantine(conn, run_id=run.run_id, now=now, origin=origin.key, bad=self._but_forgotten(origin.key, bad))
            store.forget_files(conn, origin=origin.key, paths=known.keys() & {item.path for item in bad})
            for path in {path for key, path in self._open_quarantine if key == origin.key} - found.keys():
                still = {item.uri for item in bad if item.path == path}
                if still or not _is_hidden(path, bad):
                    store.resolve_quarantine(conn, origin=origin.key, path=path, now=now, still_bad=still)
            root = str(origin.root.resolve())
            store.touch_origin(conn, origin=origin.key, root=root, run_id=run.run_id, now=now)

    def next_batch(self) -> bool:
        """Saves the next batch in one transaction; False when there was none left."""
        run = self._run
        if self._batches is None:
            self._batches = self._read_batches()
        with run.stage("read and clean"):
            while len(self._ahead) <= run.settings.workers and (batch := next(self._batches, None)) is not None:
                self._ahead.append((batch, self._submit(batch)))
            if not self._ahead:
                return False
            batch, future = self._ahead.popleft()
            prepared = future.result()
        with run.stage("save articles"):
            self._save(batch, prepared)
        self._done += len(batch.documents) + len(batch.known)
        run.report("taking in", self._done)
        return True

    def _submit(self, batch: _Batch) -> Future[list[SketchedArticle | BadDocument]]:
        self._weight += sum(PAGE_WEIGHT if isinstance(d.content, bytes) else 1 for d in batch.documents)
        small = self._weight <= SMALL_INTAKE
        executor = self._run.executor(small=small)
        return executor.submit(walk.prepare, batch.documents, batch.origin, self._run.params)

    # -------------------------------------------------------------- reading

    def _read_batches(self) -> Iterator[_Batch]:
        limit = self._run.settings.batch_articles
        batch: _Batch | None = None
        for origin, found in self._todo:
            if batch is not None and batch.origin != origin.key:
                yield self._without_known(batch)
                batch = None
            uris: set[str] = set()
            whole = True
            for item in read_documents(origin, found, max_document_bytes=self._run.settings.max_document_bytes):
                batch = batch or _Batch(origin.key)
                if isinstance(item, BadDocument):
                    batch.bad.append(item)
                    whole = False
                else:
                    batch.documents.append(item)
                    batch.size += len(item.content)
                    uris.add(item.uri)
                if batch.is_full(limit):
                    yield self._without_known(batch)
                    batch = None
            batch = batch or _Batch(origin.key)
            batch.files.append(_FileRead(found, frozenset(uris), whole))
        if batch is not None:
            yield self._without_known(batch)

    def _without_known(self, batch: _Batch) -> _Batch:
        """The batch without documents that were forgotten, or whose content is stored already: they need no cleaning."""
        read = len(batch.documents) + len(batch.bad)
        batch.documents = self._but_forgotten(batch.origin, batch.documents)
        batch.bad = self._but_forgotten(batch.origin, batch.bad)
        self._run.counts["forgotten"] += read - len(batch.documents) - len(batch.bad)
        ids = {hash63(batch.origin, document.uri): document for document in batch.documents}
        with self._run.reading() as conn:
            current = queries.current_revisions(conn, ids)
        batch.known = [k for k, d in ids.items() if current.get(k) == hash63(str(k), d.content_hash)]
        same = {ids[k].uri for k in batch.known}
        batch.documents = [document for document in batch.documents if document.uri not in same]
        return batch

    def _but_forgotten(self, origin: str, items: Sequence[Item]) -> list[Item]:
        """Without what must not come back, whether it can be read or not."""
        return [item for item in items if item.uri not in self._forgotten[origin]]

    # --------------------------------------------------------------- saving

    def _save(self, batch: _Batch, prepared: Sequence[SketchedArticle | BadDocument]) -> None:
        run, now = self._run, utc_now()
        sketched = [item for item in prepared if not isinstance(item, BadDocument)]
        bad = [*batch.bad, *(item for item in prepared if isinstance(item, BadDocument))]
        for item in bad:
            self._still_bad[batch.origin, item.path].add(item.uri)
        with run.writing() as conn:
            saved = store.save_articles(
                conn,
                run_id=run.run_id,
                now=now,
                sketched=sketched,
                text_key=walk.text_key(),
                sketch_key=run.params.sketch_key,
            )
            back = store.confirm_articles(conn, run_id=run.run_id, now=now, article_ids=batch.known)
            store.quarantine(conn, run_id=run.run_id, now=now, origin=batch.origin, bad=bad)
            gone = 0
            for file in batch.files:
                path = file.found.path
                if (batch.origin, path) in self._open_quarantine:
                    still = self._still_bad[batch.origin, path]
                    store.resolve_quarantine(conn, origin=batch.origin, path=path, now=now, still_bad=still)
                if file.whole and file.uris != {path}:
                    gone += store.mark_records_gone(
                        conn, origin=batch.origin, run_id=run.run_id, now=now, path=path, uris_seen=file.uris
                    )
            states = {file.found.path: _state(file.found) for file in batch.files}
            store.save_file_states(conn, origin=batch.origin, states=states)
        run.counts.update(
            new=saved.new,
            changed=saved.changed,
            unchanged=saved.unchanged + len(batch.known),
            gone=gone,
            back=back,
            quarantined=len(bad),
        )


def _is_hidden(path: str, bad: Sequence[BadDocument]) -> bool:
    """What cannot be read, or lies in a folder that cannot, is not known to be gone."""
    return any(item.path in {path, "."} or path.startswith(f"{item.path}/") for item in bad)


def _state(found: FoundFile) -> FileState:
    return FileState(found.size, found.mtime_ns, found.side_hash)
