"""Source folders: which origins a path holds, which files an origin, which documents a file.

The files' side of reading; what the bytes mean is the business of `pipeline.formats`.
What is broken in an origin becomes a `BadDocument` and the rest goes in; what makes
an origin unusable as a whole is a `SourceError`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tomllib
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipeline.errors import SourceError
from pipeline.formats import format_of, read
from pipeline.records import BadDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.records import RawDocument

SETTINGS_FILE = "source.toml"
METADATA_FILE = "metadata.jsonl"
METADATA_FIELDS = ("title", "author", "url", "published", "source", "language")

_MAX_METADATA_LINE = 1_000_000
"""Bytes; a line of metadata has some hundred, a longer one is another kind of file."""


@dataclass(frozen=True, slots=True)
class OriginSettings:
    """What a `source.toml` may say.

    Attributes:
        name: the origin's key.
        language: of documents that do not name theirs.
        timezone: IANA name, for times that name no zone.
    """

    name: str | None = None
    language: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """A folder, or a single file, that documents come from.

    Attributes:
        key: unique among the origins of a run.
        root: the folder, or the file itself.
    """

    key: str
    root: Path
    is_file: bool = False
    settings: OriginSettings = field(default_factory=OriginSettings)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A readable file of an origin.

    Attributes:
        path: below the origin's root, with `/`; of a single file, its name.
        size: in bytes; mtime_ns: when it was last changed, in nanoseconds.
        side_hash: hash of what is given beside it: its line of metadata, the origin's settings.
        given: that metadata, for its documents.
    """

    path: str
    size: int
    mtime_ns: int
    side_hash: str
    given: Mapping[str, str] = field(default_factory=dict, compare=False)


def find_origins(paths: Sequence[Path]) -> list[Origin]:
    """The origins that paths hold, in order; the same place named twice counts once.

    A file is one; so is a folder with a `source.toml` or readable files directly in
    it; of any other folder, each child folder is.

    Raises:
        SourceError: a path or its settings cannot be used, or two origins have one key.
    """
    origins: dict[Path, Origin] = {}
    for path in paths:
        for origin in _origins_at(path):
            origins.setdefault(origin.root.resolve(), origin)
    by_key: dict[str, Origin] = {}
    for origin in origins.values():
        other = by_key.setdefault(origin.key, origin)
        if other is not origin:
            both = f"two sources are called {origin.key!r}: {other.root} and {origin.root}"
            raise SourceError(f'{both}; put name = "..." into the {SETTINGS_FILE} of one', place=str(origin.root))
    for root, origin in origins.items():
        if outer := next((origins[above] for above in root.parents if above in origins), None):
            message = f"{origin.root} lies in {outer.root}: its files would be taken in twice; name one of the two"
            raise SourceError(message, place=str(origin.root))
    return list(origins.values())


def list_files(origin: Origin) -> Iterator[FoundFile | BadDocument]:
    """The readable files of an origin, sorted by path within each folder, and what cannot be read.

    Linked files inside the source folder are read under their own names; linked
    folders are not followed: what they hold is found in its own place.
    """
    if origin.is_file:
        yield _found(origin.root, origin.root.name, origin, {})
        return
    metadata: dict[str, dict[str, str]] = {}
    for entry in _read_metadata(origin.root):
        if isinstance(entry, BadDocument):
            yield entry
        else:
            metadata.setdefault(*entry)
    for path, name in _walk(origin.root):
        yield path if isinstance(path, BadDocument) else _found(path, name, origin, metadata.get(name, {}))


def read_documents(origin: Origin, found: FoundFile, *, max_document_bytes: int) -> Iterator[RawDocument | BadDocument]:
    """The documents of a file, as they are read; where reading fails, the last one is bad."""
    path = origin.root if origin.is_file else origin.root / found.path
    kind = format_of(found.path)
    is_packed = found.path.lower().endswith(".gz")
    if kind is not None and not kind.is_container and not is_packed and found.size > max_document_bytes:
        message = f"{found.size:,} bytes, over max_document_bytes ({max_document_bytes:,}); raise that setting to take it in"
        yield _bad(found.path, message)
        return
    try:
        with path.open("rb") as stream:
            yield from read(stream, found.path, given=found.given, max_document_bytes=max_document_bytes)
    except OSError as error:
        yield _bad(found.path, _reason(error), type(error).__name__)


def _origins_at(path: Path) -> list[Origin]:
    """The origins of one path."""
    if path.is_file():
        if format_of(path.name) is None:
            raise SourceError(f"{path}: no format for this ending; name a .txt, .html or .jsonl file (or .gz)", place=str(path))
        return [Origin(path.name, path, is_file=True)]
    if not path.is_dir():
        raise SourceError(f"{path}: no such file or folder; check the path", place=str(path))
    try:
        names = sorted(entry.name for entry in os.scandir(path))
    except OSError:
        # Its key is known, so the run can go on; `list_files` says why nothing is in it.
        return [_folder(path)]
    if SETTINGS_FILE in names or any(_is_readable(name) and (path / name).is_file() for name in names):
        return [_folder(path)]
    ancestors = {path.resolve(), *path.resolve().parents}
    children = [path / name for name in names if not name.startswith(".") and (path / name).is_dir()]
    children = [child for child in children if child.resolve() not in ancestors]
    return [_folder(child) for child in children] if children else [_folder(path)]


def _folder(path: Path) -> Origin:
    """The origin that a folder is."""
    settings = _read_settings(path / SETTINGS_FILE)
    name = path.name if path.name not in ("", "..") else path.resolve().name
    return Origin(settings.name or name or "root", path, settings=settings)


def _read_settings(path: Path) -> OriginSettings:
    """What a `source.toml` says; the defaults where there is none.

    Raises:
        SourceError: it cannot be read, or says something that is not known.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        if isinstance(error, PermissionError) and os.access(path.parent, os.X_OK):
            raise SourceError(f"{path}: {_reason(error)}; make it readable", place=str(path)) from error
        return OriginSettings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{path}: not a readable TOML file: {error}", place=str(path), stage="parse") from error
    known = OriginSettings.__dataclass_fields__
    for key, value in values.items():
        if key not in known:
            raise SourceError(f"{path}: unknown setting {key!r}; there are {', '.join(known)}", place=str(path), stage="parse")
        if not isinstance(value, str) or not value.strip():
            raise SourceError(f"{path}: {key} is {value!r}; it takes a text", place=str(path), stage="parse")
    settings = OriginSettings(**{key: value.strip() for key, value in values.items()})
    if settings.timezone and not _is_zone(settings.timezone):
        message = f"{path}: unknown timezone {settings.timezone!r}; it takes a name such as Europe/Berlin"
        raise SourceError(message, place=str(path), stage="parse")
    return settings


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_readable(name: str) -> bool:
    """Whether a file of this name holds documents."""
    if name.startswith((".", "README")) or name in (SETTINGS_FILE, METADATA_FILE):
        return False
    return format_of(name) is not None


def _walk(root: Path) -> Iterator[tuple[Path | BadDocument, str]]:
    """Paths of readable files with their names below the root, and what is in the way."""
    home = root.resolve()
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as error:
            yield _bad(folder or ".", f"the folder cannot be read: {_reason(error)}", type(error).__name__), folder
            continue
        inner = []
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                if (path := _follow(entry, name, home)) is not None:
                    yield path, name
            elif entry.is_dir(follow_symlinks=False):
                inner.append(name)
            elif _is_readable(entry.name):
                yield Path(entry.path), name
        folders.extend(reversed(inner))


def _follow(entry: os.DirEntry[str], name: str, home: Path) -> Path | BadDocument | None:
    """A linked file, or why it is not read; None for a link that is of no interest."""
    path = Path(entry.path)
    try:
        target = path.resolve(strict=True)
        is_folder = target.is_dir()
    except (OSError, RuntimeError) as error:  # leads nowhere, or in circles
        return _bad(name, f"the symbolic link leads nowhere: {error}", type(error).__name__) if _is_readable(entry.name) else None
    if not is_folder and not _is_readable(entry.name):
        return None
    if not target.is_relative_to(home):
        return _bad(name, f"the symbolic link leaves the source folder, to {target}; copy what it means into the folder")
    return None if is_folder else path


def _found(path: Path, name: str, origin: Origin, entry: Mapping[str, str]) -> FoundFile | BadDocument:
    """What is known of a file without opening it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return _bad(name, "the file's name is not UTF-8; rename it")
    try:
        state = path.stat()
    except OSError as error:
        return _bad(name, _reason(error), type(error).__name__)
    if not stat.S_ISREG(state.st_mode):  # opening a named pipe would wait for ever
        return _bad(name, "not a regular file")
    beside = {"language": origin.settings.language, "timezone": origin.settings.timezone}
    given = {key: value for key, value in beside.items() if value} | dict(entry)
    side = json.dumps(given, sort_keys=True, ensure_ascii=True)
    side_hash = hashlib.blake2b(side.encode(), digest_size=16).hexdigest()
    return FoundFile(name, state.st_size, state.st_mtime_ns, side_hash, given)


def _read_metadata(root: Path) -> Iterator[tuple[str, dict[str, str]] | BadDocument]:
    """The entries of an origin's `metadata.jsonl` with the file that each is about, and its broken lines."""
    path = root / METADATA_FILE
    seen: dict[str, int] = {}
    try:
        if not path.exists():
            return
        if not path.resolve().is_relative_to(root.resolve()):
            yield _bad(METADATA_FILE, "the symbolic link leaves the source folder; copy the file into it")
            return
        with path.open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(_MAX_METADATA_LINE), b""), 1):
                if line.removeprefix(b"\xef\xbb\xbf").strip():
                    yield _metadata_entry(line, number, seen)
    except OSError as error:
        # Where the folder itself is closed, `_walk` says so.
        if not isinstance(error, PermissionError) or os.access(root, os.X_OK):
            yield _bad(METADATA_FILE, _reason(error), type(error).__name__)


def _metadata_entry(line: bytes, number: int, seen: dict[str, int]) -> tuple[str, dict[str, str]] | BadDocument:
    """What one line says, or why it does not hold; the first line about a file wins."""
    try:
        name, entry = _parse_metadata(line)
    except ValueError as error:
        return _bad(METADATA_FILE, str(error), stage="parse", line=number)
    if seen.setdefault(name, number) != number:
        return _bad(METADATA_FILE, f"line {seen[name]} is about {name!r} too; keep one of them", stage="parse", line=number)
    return name, entry


def _parse_metadata(line: bytes) -> tuple[str, dict[str, str]]:
    """The file that a line is about, and what it says.

    Raises:
        ValueError: the line is not such an entry.
    """
    try:
        entry: Any = json.loads(line.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 ({error.reason} at byte {error.start})") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        raise ValueError("not an object with a field `path`, the name of a file below the source folder")
    wrong = [key for key in METADATA_FIELDS if not isinstance(entry.get(key), (str, type(None)))]
    if wrong:
        raise ValueError(f"{wrong[0]} is {entry[wrong[0]]!r}; it takes a text")
    fields = {key: _storable(entry[key]).strip() for key in METADATA_FIELDS if entry.get(key)}
    return str(PurePosixPath(entry["path"])), {key: value for key, value in fields.items() if value}


def _storable(text: str) -> str:
    """Without NUL and lone surrogates, which no SQL database takes."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _bad(name: str, message: str, error: str = "SourceError", *, stage: str = "read", line: int | None = None) -> BadDocument:
    """A line for the quarantine; a name that is not UTF-8 is made so."""
    name = name.encode("utf-8", "replace").decode()
    message = message.encode("utf-8", "replace").decode()
    return BadDocument(f"{name}#{line}" if line else name, name, stage, error, message)
