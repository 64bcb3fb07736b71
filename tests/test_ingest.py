"""The Prefect flow: the same steps, the same database, and Prefect keeps nothing of ours.

Prefect is used from processes of its own, so that no other test meets its settings.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers import assert_same, dump, run_folder, sqlite_url

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds"
START_SECONDS = 120

TASKS = {"scan", "take in batch", "plan matching", "match chunk", "cluster"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Prefect keeps its files in a directory of its own and calls nobody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WIRECOPY_"))}
    return kept | {
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[str]:
    """The API of a Prefect server on loopback that lives as long as this module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    log = Path(environment["PREFECT_HOME"]) / "server.log"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, env=environment, cwd=log.parent, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            wait_for(api, process, log)
            yield api
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
    with pytest.raises(ProcessLookupError):  # it had its own group: nobody of it is left
        os.killpg(process.pid, 0)


def wait_for(api: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{api}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    pytest.fail(f"no Prefect server in {START_SECONDS} s: {log.read_text()}")


def asked(api: str, what: str) -> list[dict[str, Any]]:
    """All flow runs or task runs of the server; task runs come to it as events, a moment later."""
    rows: list[dict[str, Any]] = httpx.post(f"{api}/{what}/filter", json={"limit": 200}, timeout=10).json()
    return rows


def wirecopy(*arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows", *arguments]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_the_flow_makes_what_the_plain_steps_make(server: str, environment: dict[str, str], tmp_path: Path) -> None:
    plain, flow = sqlite_url(tmp_path / "plain.db"), sqlite_url(tmp_path / "flow.db")
    run_folder(SEEDS, plain, batch_articles=5)
    mine = environment | {
        "WIRECOPY_DATABASE_URL": flow,
        "WIRECOPY_BATCH_ARTICLES": "5",
        "WIRECOPY_WORKERS": "1",
        "PREFECT_API_URL": server,
    }
    done = wirecopy("run", str(SEEDS), env=mine, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert_same(dump(flow), dump(plain))

    [flow_run] = asked(server, "flow_runs")
    assert flow_run["state_type"] == "COMPLETED"
    assert httpx.get(f"{server}/flows/{flow_run['flow_id']}", timeout=10).json()["name"] == "wirecopy run"
    assert {row["name"].rpartition("-")[0] for row in task_runs(server)} == TASKS
    home = Path(environment["PREFECT_HOME"])
    assert not [path for path in (home / "storage").rglob("*") if path.is_file()]
    assert not list(home.rglob("*wirecopy*"))

    # An error has its line among those of Prefect, and the server knows of it.
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "source.toml").write_text("name = ")
    failed = wirecopy("run", str(tmp_path / "bad"), env=mine, cwd=tmp_path)
    assert failed.returncode == 2
    assert [line for line in failed.stderr.splitlines() if line.startswith("wirecopy: ") and "source.toml" in line]
    assert sorted(row["state_type"] for row in asked(server, "flow_runs")) == ["COMPLETED", "FAILED"]


def task_runs(api: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        rows = asked(api, "task_runs")
        if {row["name"].rpartition("-")[0] for row in rows} >= TASKS:
            break
        time.sleep(0.5)
    return rows


@pytest.mark.slow
def test_without_a_server_prefect_is_not_loaded(environment: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from flows.settings import load_settings; from flows.steps import run_sources\n"
        f"run_sources(load_settings(), [Path({str(SEEDS)!r})])\n"
        "assert 'prefect' not in sys.modules"
    )
    mine = environment | {"WIRECOPY_DATABASE_URL": sqlite_url(tmp_path / "plain.db"), "WIRECOPY_WORKERS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=mine, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
