"""Settings: from the file, the environment, and code; and what is wrong with them in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings import SETTINGS_FILE, Settings, load_settings, save_source
from pipeline.errors import ParamsError
from pipeline.params import MatchParams


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory and environment."""
    import os

    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("WIRECOPY_", "PREFECT_"))]:
        monkeypatch.delenv(name)


def test_without_anything_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.database_url == "sqlite:///wirecopy.db"
    assert settings.max_document_bytes == 20_000_000
    assert settings.workers >= 1
    assert settings.match_params == MatchParams()
    assert settings.prefect_api_url is None
    assert settings.source_paths() == []
    Path("seeds").mkdir()
    assert settings.source_paths() == [Path("seeds")]


def test_the_file_the_environment_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(SETTINGS_FILE).write_text(
        'sources = ["a", "b"]\nworkers = 3\nbatch_articles = 7\n[match]\ngap_tokens = 4\nquote_ratio = 0.6\n'
    )
    settings = load_settings()
    assert settings.source_paths() == [Path("a"), Path("b")]
    assert (settings.workers, settings.match_params.gap_tokens, settings.match_params.quote_ratio) == (3, 4, 0.6)
    monkeypatch.setenv("WIRECOPY_WORKERS", "2")
    monkeypatch.setenv("WIRECOPY_MATCH__GAP_TOKENS", "5")
    monkeypatch.setenv("WIRECOPY_MATCH__STORY_WINDOW_DAYS", "9")
    settings = load_settings(batch_articles=8)
    assert (settings.workers, settings.batch_articles) == (2, 8)
    assert settings.match_params == MatchParams(gap_tokens=5, quote_ratio=0.6, story_window_days=9)


def test_a_prefect_server_is_known_by_prefects_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert load_settings().prefect_api_url == "http://127.0.0.1:4200/api"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("workers = ", r"wirecopy\.toml is not valid TOML"),
        ("workers = 0", "setting `workers`: .*WIRECOPY_WORKERS"),
        ('workers = "many"', "setting `workers`"),
        ("max_document_bytes = 1", "setting `max_document_bytes`"),
        ("nonsense = 1", "sets `nonsense`, which is no setting"),
        ("match = 3", "setting `match`"),
    ],
)
def test_a_bad_file(text: str, says: str) -> None:
    Path(SETTINGS_FILE).write_text(text)
    with pytest.raises(ParamsError, match=says) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_or_may_not_be_read() -> None:
    Path(SETTINGS_FILE).write_bytes(b"workers = 3 # \xff\xfe")
    with pytest.raises(ParamsError, match=r"wirecopy\.toml"):
        load_settings()


@pytest.mark.parametrize(
    ("match", "says"),
    [
        ({"gap": 3}, r"unknown parameter in \[match\]: gap"),
        ({"gap_tokens": "wide"}, "gap_tokens is 'wide'"),
        ({"quote_ratio": 2.0}, "quote_ratio is 2.0"),
        ({"gap_tokens": None}, "gap_tokens is None"),
        ({"match_window_days": 0}, "match_window_days is 0"),
    ],
)
def test_bad_parameters(match: dict[str, object], says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        _ = Settings(match=match).match_params


def test_a_source_is_added_and_the_rest_of_the_file_stays() -> None:
    Path(SETTINGS_FILE).write_text('# mine\nworkers = 2  # of four\nsources = [\n  "a",  # first\n]\n')
    assert save_source(Path("b"))
    assert not save_source(Path("b"))
    text = Path(SETTINGS_FILE).read_text()
    assert "# mine" in text
    assert "# of four" in text
    assert "# first" in text
    assert load_settings().sources == ["a", "b"]


def test_the_first_source_makes_the_file() -> None:
    assert save_source(Path("news"))
    assert load_settings().sources == ["news"]
    assert load_settings().workers == Settings().workers


def test_a_source_is_added_beside_tables() -> None:
    Path(SETTINGS_FILE).write_text("[match]\ngap_tokens = 4\n")
    save_source(Path("news"))
    settings = load_settings()
    assert settings.sources == ["news"]
    assert settings.match_params.gap_tokens == 4
