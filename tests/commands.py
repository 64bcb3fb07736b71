"""Commands as tests give them: in this process, with what they print."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from flows import cli


class Result(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


def clear_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A working directory, with no settings in the environment."""
    for name in list(os.environ):
        if name.startswith(("WIRECOPY_", "PREFECT_")) or name == "COLUMNS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("WIRECOPY_WORKERS", "1")
    monkeypatch.chdir(folder)


def wirecopy(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Result:
    """Runs a command as the console script does; it is to end with `status`."""
    capsys.readouterr()
    before, ended = sys.argv, 0
    sys.argv = ["wirecopy", *arguments]
    try:
        cli.main()
    except SystemExit as stop:
        ended = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.argv = before
    captured = capsys.readouterr()
    assert ended == status, f"{ended}: {captured.out}{captured.err}"
    return Result(ended, captured.out, captured.err)


def assert_refused(result: Result, *parts: str) -> None:
    """One line that names the cause and the remedy, nothing on standard output."""
    assert result.out == ""
    assert result.err.startswith("wirecopy: ")
    assert result.err.count("\n") == 1
    for part in parts:
        assert part in result.err
