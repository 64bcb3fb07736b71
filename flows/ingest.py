"""The same steps as Prefect tasks, in one flow.

Prefect shows and schedules; it computes nothing and nothing large passes through
it: tasks take the run and numbers, cache nothing and keep no results.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import Task, flow
from prefect.cache_policies import NO_CACHE

from flows.settings import load_settings
from flows.steps import Summary, run_sources

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


@cache
def _task_of(step: Callable[..., Any]) -> Task[..., Any]:
    return Task(step, name=step.__name__.replace("_", " "), cache_policy=NO_CACHE, persist_result=False, retries=0)


def as_task(step: Callable[..., Result], /, *args: Any) -> Result:
    """Calls a step as a Prefect task of the running flow."""
    result: Result = _task_of(step)(*args)  # type: ignore[assignment]  # the steps are no coroutines
    return result


@flow(name="wirecopy run", persist_result=False, validate_parameters=False)
def ingest(sources: list[str] | None = None, wait_seconds: float = 0.0) -> Summary:
    """Takes in sources, matches and clusters what is new.

    Args:
        sources: folders and files; without any, those of the settings.
        wait_seconds: how long to wait for another run that is writing.

    Returns:
        what the run did.
    """
    settings = load_settings()
    paths = [Path(path) for path in sources] if sources else settings.source_paths()
    return run_sources(settings, paths, call=as_task, wait_seconds=wait_seconds)
