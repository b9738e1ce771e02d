"""The shelf: replications and points of sweeps that are finished, kept so that nothing is computed twice.

One SQLite file beside the runs. Everything on it is addressed by a hash of all that it depends on, so whatever asks for
the same thing can use it again; at worst it is never asked for. What is on it was put there whole, however the program
ended, and the file may be deleted at any time. Only the parent process writes. The file is made when a replication is
first asked for, so that bad input leaves none behind.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.store import StoreError, usable

FILE = "finished.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS replications (
    fingerprint TEXT, number INTEGER, tally BLOB, PRIMARY KEY (fingerprint, number))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (head INTEGER PRIMARY KEY, names TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, head INTEGER, cells TEXT);
"""
"""Names of columns are three quarters of a row, and the same in every row of a sweep, so they are kept once."""
_AT_ONCE = 500
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""What SQLite says of a file that it did not write like this; an error in a query means tables of another form."""


class Shelf:
    """Finished work in one file; every method raises `StoreError` when the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._opened: sqlite3.Connection | None = None
        self._heads: dict[int, list[str]] = {}

    @property
    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = _open(self.file)
        return self._opened

    def close(self) -> None:
        """Let go of the file."""
        if self._opened is not None:
            self._opened.close()

    def replications(self, fingerprint: str) -> dict[int, bytes]:
        """Return the packed tallies of a scenario, by number of the replication."""
        with _refusing(self.file):
            found = self._db.execute("SELECT number, tally FROM replications WHERE fingerprint = ?", (fingerprint,))
            return dict(found.fetchall())

    def put_replication(self, fingerprint: str, number: int, tally: bytes) -> None:
        """Keep a packed tally."""
        with _refusing(self.file), self._db:
            self._db.execute("INSERT OR REPLACE INTO replications VALUES (?, ?, ?)", (fingerprint, number, tally))

    def finished(self, keys: Sequence[str]) -> set[str]:
        """Return those of some points' keys that are finished."""
        return {key for (key,) in self._select("key", keys)}

    def points(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the rows of those of some points that are finished."""
        try:
            found = self._select("key, head, cells", keys)
            if not self._heads.keys() >= {head for _, head, _ in found}:
                self._heads = self._read_heads()
            return {key: dict(zip(self._heads[head], json.loads(cells), strict=True)) for key, head, cells in found}
        except (ValueError, KeyError) as error:
            raise self.damaged(str(error)) from error

    def _read_heads(self) -> dict[int, list[str]]:
        with _refusing(self.file):
            found = self._db.execute("SELECT head, names FROM heads").fetchall()
        return {head: json.loads(names) for head, names in found}

    def _select(self, columns: str, keys: Sequence[str]) -> list[Any]:
        found: list[Any] = []
        if self._opened is None and not self.file.exists():
            return found
        with _refusing(self.file):
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT {columns} FROM rows WHERE key IN ({marks})"  # noqa: S608 - none of it from outside
                found += self._db.execute(query, some).fetchall()
        return found

    def put_point(self, key: str, row: Mapping[str, Any]) -> None:
        """Keep the row of a finished point."""
        names, cells = json.dumps(list(row)), json.dumps(list(row.values()))
        with _refusing(self.file), self._db:
            self._db.execute("INSERT OR IGNORE INTO heads (names) VALUES (?)", (names,))
            head = "SELECT ?, head, ? FROM heads WHERE names = ?"
            self._db.execute(f"INSERT OR REPLACE INTO rows {head}", (key, cells, names))

    def damaged(self, said: str) -> StoreError:
        """Return the error that says what to do with a shelf whose contents cannot be read."""
        return _damaged(self.file, said)


@contextmanager
def shelf(out: Path) -> Iterator[Shelf]:
    """Give the shelf of a results folder, as long as the context lasts; raises `StoreError` for what is no name."""
    found = Shelf(usable(out) / FILE)
    try:
        yield found
    finally:
        found.close()


def _open(file: Path) -> sqlite3.Connection:
    """Open the file, making it if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _DAMAGED:
            raise _damaged(file, str(error)) from error
        said = error.strerror if isinstance(error, OSError) else str(error)
        fix = "make room or give another folder with --out, then run it again: what was finished before is kept"
        raise StoreError(f"{file}: cannot be used ({said}); {fix}") from error


def _damaged(file: Path, said: str) -> StoreError:
    return StoreError(f"{file}: is damaged ({said}); delete it: what was finished is then computed again")
