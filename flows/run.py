"""One run: what its steps share, and the right to write while it lasts.

A run holds a lease in the database, renewed by a heartbeat and inside every
transaction that writes: a run that was overtaken stops instead of writing.
"""

from __future__ import annotations

import datetime as dt
import gc
import logging
import os
import socket
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from db import queries, store
from db.engine import begin, open_engine, reading
from db.migrate import upgrade
from db.rows import RunCounts
from flows.execution import InlineExecutor, open_executor
from pipeline.errors import BusyStoreError, LeaseHeldError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from db.engine import Connection, Engine
    from flows.settings import Settings

log = logging.getLogger(__name__)

LEASE_SECONDS = 60
"""A holder on another host that is not heard of for so long is taken for dead (the contract's figure)."""

COLLECT_FROM = 100_000
"""New objects until the collector looks through them: some 20,000 links. Without a collector, clustering 138,000
links took a sixth less time."""

HEARTBEAT_SECONDS = 15
"""Four beats a lease: three may be lost."""


def utc_now() -> dt.datetime:
    """The clock of all that is stored."""
    return dt.datetime.now(dt.UTC)


class Run:
    """One run over the configured sources.

    Attributes:
        settings: as they were when it began.
        params: the thresholds in force.
        engine: the database.
        run_id: its row in the run log.
        cause: the article that a person's decision was about, for the history of stories.
        counts: what it did so far, by the names of `RunCounts`.
        seconds: time spent by stage.
    """

    def __init__(self, settings: Settings, *, progress: Callable[[str, int, int | None], None] | None = None) -> None:
        """Opens the database (made or upgraded if need be); `begin_run` takes the lease."""
        self.settings = settings
        self.params = settings.match_params
        self.engine: Engine = open_engine(settings.database_url)
        upgrade(self.engine)
        self.run_id = 0
        self.cause: int | None = None
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
        self._progress = progress
        self._pool: Executor | None = None
        self._stop = threading.Event()
        self._heart: threading.Thread | None = None
        self._collector = gc.get_threshold()

    # ------------------------------------------------------------- lease

    def _calm_collector(self) -> None:
        """A run makes many records that live on; at its usual threshold Python's collector looks through them all the time."""
        self._collector = gc.get_threshold()
        gc.set_threshold(COLLECT_FROM, 20, 100)

    def begin_run(self, *, wait_seconds: float = 0.0, any_params: bool = False, command: str = "run") -> None:
        """Takes the lease and opens a row in the run log.

        Args:
            wait_seconds: how long to wait for another run.
            any_params: whatever parameters made the database.
            command: what began it, for the run log.

        Raises:
            LeaseHeldError: another run is writing, and did not end in `wait_seconds`.
            StaleStoreError: the database was made with other parameters.
        """
        self._acquire(time.monotonic() + wait_seconds)
        self._calm_collector()
        try:
            with begin(self.engine) as conn:
                if not any_params:
                    queries.check_keys(conn, self.params)
                    store.set_state(conn, stage_keys(self.params))
                self.run_id = store.start_run(conn, now=utc_now(), params_key=self.params.cluster_key, command=command)
        except BaseException:
            self._release()
            raise
        self._heart = threading.Thread(target=self._beat, name="wirecopy lease", daemon=True)
        self._heart.start()

    def _acquire(self, deadline: float) -> None:
        while True:
            try:
                with begin(self.engine) as conn:
                    store.acquire_lease(
                        conn,
                        holder=self.holder,
                        host=socket.gethostname(),
                        pid=os.getpid(),
                        now=utc_now(),
                        seconds=LEASE_SECONDS,
                        process_gone=_process_gone,
                    )
            except (LeaseHeldError, BusyStoreError):  # busy: it is in the middle of a long transaction
                if time.monotonic() >= deadline:
                    raise
                time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
            else:
                return

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                with begin(self.engine) as conn:
                    store.renew_lease(conn, holder=self.holder, now=utc_now(), seconds=LEASE_SECONDS)
            except StoreError as error:  # the next transaction that writes will say so
                log.warning("the lease could not be renewed: %s", error)

    def _release(self) -> None:
        with begin(self.engine) as conn:
            store.release_lease(conn, holder=self.holder)

    # ------------------------------------------------------ transactions

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of this run: it holds the lease or fails."""
        with begin(self.engine) as conn:
            store.renew_lease(conn, holder=self.holder, now=utc_now(), seconds=LEASE_SECONDS)
            yield conn

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot to read from."""
        with reading(self.engine) as conn:
            yield conn

    # ------------------------------------------------------------- work

    def executor(self, *, small: bool) -> Executor:
        """Where CPU work goes; work that is `small` is not worth starting processes for."""
        if self._pool is None and small:
            return InlineExecutor()
        if self._pool is None:
            self._pool = open_executor(self.settings.workers)
        return self._pool

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to the stage's."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def report(self, stage: str, done: int, total: int | None = None) -> None:
        """Tells whoever watches how far a stage is."""
        if self._progress is not None:
            self._progress(stage, done, total)

    # -------------------------------------------------------------- end

    def finish(self, status: str) -> None:
        """Closes the row in the run log."""
        counts = RunCounts(**{name: self.counts[name] for name in RunCounts._fields})
        with self.writing() as conn:
            store.finish_run(conn, self.run_id, now=utc_now(), status=status, counts=counts)

    def close(self) -> None:
        """Gives the lease back and stops what was started; safe to call at any point."""
        gc.set_threshold(*self._collector)
        self._stop.set()
        if self._heart is not None:
            self._heart.join()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        try:
            if self._heart is not None:
                self._release()
        finally:
            self.engine.dispose()


def stage_keys(params: Any) -> dict[str, str]:
    """The keys that are stored, by name."""
    return {f"{stage}_key": getattr(params, f"{stage}_key") for stage in ("sketch", "match", "cluster")}


def _process_gone(pid: int) -> bool:
    """Whether no process of this host has that id any more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
