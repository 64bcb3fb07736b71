"""What a user can set, in `wirecopy.toml` or in the environment; nothing else reads either.

Environment variables (`WIRECOPY_DATABASE_URL`, `WIRECOPY_WORKERS`, `WIRECOPY_MATCH__GAP_TOKENS`)
win over the file in the working directory.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from pipeline.errors import ParamsError
from pipeline.params import MatchParams

SETTINGS_FILE = "wirecopy.toml"
DEFAULT_SOURCES = "seeds"


class Settings(BaseSettings):
    """The settings of a run.

    Attributes:
        database_url: SQLAlchemy URL; SQLite in the working directory by default.
        sources: folders and files that are taken in when none is named.
        max_document_bytes: a larger document goes to the quarantine.
        workers: processes that clean, sketch and align; 1 means this one.
        batch_articles: documents of a transaction.
        prefect_api_url: the Prefect server that runs are shown on, from PREFECT_API_URL; none: no server.
        match: thresholds that differ from the measured defaults, see `docs/tuning.md`.
    """

    model_config = SettingsConfigDict(
        env_prefix="WIRECOPY_", env_nested_delimiter="__", toml_file=SETTINGS_FILE, extra="forbid", frozen=True
    )

    database_url: str = "sqlite:///wirecopy.db"
    sources: list[str] = Field(default_factory=list)
    max_document_bytes: int = Field(20_000_000, ge=1_000, le=2_000_000_000)
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    batch_articles: int = Field(500, ge=1, le=100_000)
    match: dict[str, Any] = Field(default_factory=dict)
    prefect_api_url: str | None = Field(None, validation_alias="PREFECT_API_URL")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What wins: values given in code, the environment, the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def match_params(self) -> MatchParams:
        """The parameters of matching and clustering.

        Raises:
            ParamsError: a name is unknown or a value out of range.
        """
        try:
            return MatchParams(**{name: _number(value) for name, value in self.match.items()})
        except TypeError as error:
            unknown = sorted(set(self.match) - set(MatchParams.__dataclass_fields__))
            raise ParamsError(f"unknown parameter in [match]: {', '.join(unknown) or error}; see docs/tuning.md") from error

    def source_paths(self) -> list[Path]:
        """The configured sources; without a list, `seeds` where it exists."""
        if self.sources:
            return [Path(path) for path in self.sources]
        return [Path(DEFAULT_SOURCES)] if Path(DEFAULT_SOURCES).is_dir() else []


def save_source(path: Path) -> bool:
    """Adds a source to the list in `wirecopy.toml`, comments and order kept; False if it was there.

    Raises:
        ParamsError: the file cannot be written.
    """
    import tomlkit

    file = Path(SETTINGS_FILE)
    document = tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()
    listed = document.setdefault("sources", tomlkit.array())
    if str(path) in listed:
        return False
    listed.append(str(path))
    try:
        file.write_text(tomlkit.dumps(document), encoding="utf-8")
    except OSError as error:
        raise ParamsError(f"{SETTINGS_FILE} cannot be written: {error.strerror}") from error
    return True


def _number(value: Any) -> Any:
    """Environment variables are text: `12` is meant as a number."""
    if not isinstance(value, str):
        return value
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


def load_settings(**given: object) -> Settings:
    """The settings in force; `given` ones win.

    Raises:
        ParamsError: one line that names the setting, what is wrong, and where it can be changed.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except OSError as error:
        raise ParamsError(f"{SETTINGS_FILE} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParamsError(f"{SETTINGS_FILE} is not valid TOML: {error}; correct it or remove it") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            raise ParamsError(f"{SETTINGS_FILE} sets `{name}`, which is no setting; there are: {known}") from error
        where = f"{SETTINGS_FILE} or WIRECOPY_{name.upper()}"
        raise ParamsError(f"setting `{name}`: {first['msg']}; correct it in {where}") from error
