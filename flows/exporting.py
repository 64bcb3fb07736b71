"""Files of what is stored: rows in, JSON Lines, CSV or Parquet out, whichever the file's ending says.

A file is written beside its place under another name and takes its place when it
is complete: whoever reads it never sees half of one, and a failure leaves what was
there. JSON Lines nests what belongs to a row, CSV and Parquet give it a row of its own.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import secrets
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from db import exports
from flows.terminal import visible_json
from pipeline.errors import WirecopyError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from db.engine import Connection

    Row = Mapping[str, Any]

STANDARD_OUTPUT = "-"

ROW_GROUP_ROWS, ROW_GROUP_CHARS = 10_000, 4_000_000
"""A row group of a Parquet file ends at either: enough for its columns to compress, some 50 MB of memory."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # OWASP's list for CSV injection; the wide forms are those of Japanese input


class OutputError(WirecopyError):
    """A file cannot be written."""


class Writer(Protocol):
    """Writes rows of one form to a stream, which it leaves open."""

    def write(self, row: Row) -> None:
        """Takes one row with its parts."""

    def close(self) -> None:
        """Writes what is left."""

    def abandon(self) -> None:
        """Writes nothing any more: something went wrong."""


class JsonLines:
    """One object a line, what belongs to a row as a list in it; times are ISO 8601 in UTC."""

    def __init__(self, stream: BinaryIO, _export: exports.Export) -> None:
        self._stream = stream

    def write(self, row: Row) -> None:
        """Writes a line; characters that a terminal obeys, or that some readers take for its end, as escapes."""
        line = visible_json(json.dumps(row, ensure_ascii=False, default=_iso))
        self._stream.write(line.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode() + b"\n")

    def close(self) -> None:
        """All has been written."""

    abandon = close


class Csv:
    """As RFC 4180 has it, in UTF-8; None is empty, times are ISO 8601 in UTC, truth is true or false."""

    def __init__(self, stream: BinaryIO, export: exports.Export) -> None:
        self._export = export
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._text, list(export.flat_columns), lineterminator="\r\n")
        self._writer.writeheader()

    def write(self, row: Row) -> None:
        """Writes the row, or one for each of its parts."""
        for flat in self._export.flat_rows(row):
            self._writer.writerow({name: _cell(value) for name, value in flat.items()})

    def close(self) -> None:
        """Hands on what is buffered."""
        self._text.detach()

    def abandon(self) -> None:
        """What is buffered goes with the file."""


class Parquet:
    """Zstandard; times are timestamps in UTC, integers have 64 bits, every column can hold NULL."""

    def __init__(self, stream: BinaryIO, export: exports.Export) -> None:
        import datetime as dt

        import pyarrow as pa
        import pyarrow.parquet

        kinds = {
            int: pa.int64(),
            float: pa.float64(),
            str: pa.string(),
            bool: pa.bool_(),
            dt.datetime: pa.timestamp("us", tz="UTC"),
        }
        self._export = export
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in export.flat_columns.items()])
        self._batch_of = pa.RecordBatch.from_pylist
        self._writer = pa.parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._chars = 0

    def write(self, row: Row) -> None:
        """Takes the row, or one for each of its parts; a full row group is written."""
        for flat in self._export.flat_rows(row):
            self._rows.append(flat)
            self._chars += sum(len(value) for value in flat.values() if isinstance(value, str))
            if len(self._rows) >= ROW_GROUP_ROWS or self._chars >= ROW_GROUP_CHARS:
                self._flush()

    def _flush(self) -> None:
        self._writer.write_batch(self._batch_of(self._rows, schema=self._schema))
        self._rows, self._chars = [], 0

    def close(self) -> None:
        """Writes the last row group and the footer."""
        if self._rows:
            self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Keeps pyarrow's writer from adding a footer when it is collected, to a file that is closed by then."""
        self._writer.is_open = False


FORMS: Mapping[str, Callable[[BinaryIO, exports.Export], Writer]] = {".jsonl": JsonLines, ".csv": Csv, ".parquet": Parquet}
GZIPPED = (".jsonl", ".csv")  # Parquet is compressed inside
ENDINGS = (*FORMS, *(f"{ending}.gz" for ending in GZIPPED))


def ending_of(output: str) -> str:
    """Which of `ENDINGS` a file's name has; standard output is JSON Lines.

    Raises:
        OutputError: none of them.
    """
    if output == STANDARD_OUTPUT:
        return ".jsonl"
    name = Path(output).name.lower()
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if name.endswith(ending) and name != ending:
            return ending
    message = f"the ending of {output!r} names no form; use one of {', '.join(ENDINGS)}, or - for JSON Lines on standard output"
    raise OutputError(message)


def export_rows(
    conn: Connection,
    name: str,
    output: str,
    *,
    since_run: int | None = None,
    since: dt.datetime | None = None,
    progress: Callable[[str, int, int | None], None] = lambda _stage, _done, _total: None,
) -> int:
    """Writes an export to a file, or to standard output.

    Args:
        conn: on one snapshot.
        name: one of `exports.EXPORTS`.
        output: a path with one of `ENDINGS`, or `-`.
        since_run: see `exports.rows`.
        since: see `exports.rows`.
        progress: is told how far it is.

    Returns:
        How many rows were written; parts are not counted.

    Raises:
        OutputError: the ending is unknown, or the file cannot be written.
    """
    ending = ending_of(output)
    partial = since_run is not None or since is not None
    total = None if partial else exports.count(conn, name)
    done = 0
    with _opened(output) as stream, _zipped(stream, ending) as inner:
        writer = FORMS[ending.removesuffix(".gz")](inner, exports.EXPORTS[name])
        try:
            for done, row in enumerate(exports.rows(conn, name, since_run=since_run, since=since), 1):
                writer.write(row)
                progress(f"export {name}", done, total)
            writer.close()
        except BaseException:
            writer.abandon()
            raise
    return done


@contextmanager
def _zipped(stream: BinaryIO, ending: str) -> Iterator[BinaryIO]:
    """The stream, compressed where the ending says so; the same rows give the same bytes."""
    if not ending.endswith(".gz"):
        yield stream
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as inner:
        yield inner  # type: ignore[misc]  # it reads and writes bytes as any other stream


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    """Where to write: standard output, or a file that takes its place when all went well.

    Raises:
        OutputError: for whatever the system says.
    """
    try:
        if output == STANDARD_OUTPUT:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            with _replacing(Path(output)) as stream:
                yield stream
    except BrokenPipeError:
        raise  # nobody reads on, as in `| head`: no error of ours
    except OSError as error:
        place = "standard output" if output == STANDARD_OUTPUT else output
        raise OutputError(f"{place} cannot be written: {_remedy(error, output)}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    target = path.resolve()  # a link stays one: what it points to is replaced
    if target.exists() and not target.is_file():
        raise OutputError(f"{path} cannot be written: it is {'a directory' if target.is_dir() else 'no file'}; name a file")
    part = target.with_name(f".wirecopy-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _remedy(error: OSError, output: str) -> str:
    directory = Path(output).parent
    if isinstance(error, FileNotFoundError) and not directory.is_dir():
        return f"the directory {directory} does not exist; create it"
    if isinstance(error, PermissionError):
        return f"{error.strerror}; check the permissions of the directory {directory}"
    return f"{error.strerror or error}; " + (
        "what has come out is not complete" if output == STANDARD_OUTPUT else "what was there is unchanged"
    )


def _iso(value: dt.datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _cell(value: Any) -> Any:
    """A value for CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it.

    One that has apostrophes before such a character gets one more, so taking one
    away wherever the pattern matches gives back every text.
    """
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _iso(value) if hasattr(value, "isoformat") else value
