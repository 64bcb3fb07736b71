"""Where CPU work is done: one `concurrent.futures.Executor`, whatever is behind it.

Workers import the pipeline only, neither Prefect nor SQLAlchemy.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class InlineExecutor(Executor):
    """Does the work at once, in this process: for one worker, and for work too small to share."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Calls `fn` now; the future that comes back is done."""
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _live_with_parent() -> None:
    """Ends this worker when the process that asked for it is gone, and leaves Ctrl-C to that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def open_executor(workers: int) -> Executor:
    """An executor of that many processes; of one, this process.

    Forked from a server that has the pipeline loaded, so a worker is there at once
    and holds no connection or lock of ours.
    """
    if workers == 1:
        return InlineExecutor()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.walk"])
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_live_with_parent)
