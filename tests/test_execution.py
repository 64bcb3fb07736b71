"""Where CPU work is done, and that it ends with the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.execution import InlineExecutor, open_executor

if TYPE_CHECKING:
    from collections.abc import Callable


def test_one_worker_is_this_process() -> None:
    with open_executor(1) as executor:
        assert isinstance(executor, InlineExecutor)
        assert executor.submit(os.getpid).result() == os.getpid()
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()


def test_more_workers_are_other_processes() -> None:
    with open_executor(2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


def processes_of(group: int) -> int:
    """How many processes of a group live; zombies do not."""
    found = 0
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found += fields[0] != "Z" and int(fields[2]) == group
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_run(tmp_path: Path, number: signal.Signals) -> None:
    texts = (" ".join(f"word{k % 97}{n}" for k in range(600)) + "." for n in range(6_000))
    lines = (json.dumps({"id": f"r{n}", "text": text}) for n, text in enumerate(texts))
    (tmp_path / "feed.jsonl").write_text("\n".join(lines), "utf-8")
    command = [sys.executable, "-m", "flows", "run", "feed.jsonl"]
    environment = os.environ | {"WIRECOPY_WORKERS": "2"}
    run = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True)
    try:
        wait_until(lambda: processes_of(run.pid) >= 4)  # the run, the server that forks, two workers
        run.send_signal(number)
        assert run.wait(30) == (143 if number == signal.SIGTERM else -number)
        wait_until(lambda: processes_of(run.pid) == 0)
    finally:
        if processes_of(run.pid):
            os.killpg(run.pid, signal.SIGKILL)


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
