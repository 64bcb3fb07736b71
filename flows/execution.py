"""Where CPU work is done: one `concurrent.futures.Executor`, whatever is behind it.

Workers import the pipeline only, neither Prefect nor SQLAlchemy.
"""

from __future__ import annotations

import multiprocessing
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


def open_executor(workers: int) -> Executor:
    """An executor of that many processes; of one, this process.

    Forked from a server that has the pipeline loaded, so a worker is there at once
    and holds no connection or lock of ours.
    """
    if workers == 1:
        return InlineExecutor()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.walk"])
    return ProcessPoolExecutor(workers, mp_context=context)
