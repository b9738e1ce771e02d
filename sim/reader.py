"""Stored runs, read a few rows at a time: of a run with a million payments only what one story needs.

Tables are sorted by replication and cart, and a row group's statistics say which carts it has, so that few of them are
read. Rows of a cart are plain values; rows of many carts are columns.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isnan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sim.records import ON_REQUEST, TABLES
from sim.store import StoreError, read_manifest, reading

Array = npt.NDArray[Any]
Row = dict[str, Any]
_ID = re.compile(r"(?:(\d{1,9}):)?(\d{1,18})\.(\d{1,2})\.(\d)", re.ASCII)


class PaymentId(NamedTuple):
    """Names a payment in a run: replication, cart, try and notice, each from 0."""

    replication: int
    cart: int
    attempt: int
    notice: int

    def __str__(self) -> str:
        return f"{self.replication}:{self.cart}.{self.attempt}.{self.notice}"


def payment_id(text: str, replication: int = 0) -> PaymentId:
    """Read `cart.try.notice`, with `replication:` before it if need be; raises `ValueError`."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:60]!r} is not a payment; write cart.try.notice, for example 12.0.0 or 3:12.0.0")
    return PaymentId(int(found[1] or replication), *map(int, found.groups()[1:]))


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of one table; those of categories are codes into their names."""

    values: Mapping[str, Array]
    names: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def code(self, column: str, name: str) -> int:
        """Return the code of a name in a category; -1 if it never occurs."""
        return self.names[column].index(name) if name in self.names[column] else -1

    def at(self, rows: Any) -> "Columns":
        """Return some rows."""
        return Columns({name: values[rows] for name, values in self.values.items()}, self.names)

    def only(self, wanted: Sequence[str]) -> "Columns":
        """Return some columns."""
        return Columns({name: self.values[name] for name in wanted}, self.names)

    def plain(self) -> list[Row]:
        """Return all rows as plain values, names instead of codes and None instead of NaN."""
        columns = {name: values.tolist() for name, values in self.values.items()}
        for name, values in self.values.items():
            if values.dtype.kind == "f":
                columns[name] = [None if isnan(value) else value for value in columns[name]]
            elif name in self.names:
                columns[name] = [self.names[name][code] for code in columns[name]]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows that begin before one moment and of which an end does not come before another."""

    begins: str
    ends: tuple[str, ...]
    from_s: float
    to_s: float

    def has(self, rows: Columns) -> Array:
        """Tell which rows lie in the window, at least in part."""
        last = np.fmax.reduce([rows[end] for end in self.ends])
        inside: Array = (rows[self.begins] < self.to_s) & (last >= self.from_s)
        return inside


class Recorded:
    """A stored run that has calls and states."""

    def __init__(self, folder: Path, needs: Sequence[str] = ON_REQUEST) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        if "recorded" not in self.manifest:
            raise StoreError(f"{folder}: is not the folder of a run; give results/SCENARIO/RUN")
        missing = [name for name in needs if not self._file(name).is_file()]
        if missing:
            raise StoreError(f"{folder}: has no {' and no '.join(missing)}; run it again {self._how(needs)}")

    @property
    def scenario(self) -> Mapping[str, Any]:
        """The scenario as resolved."""
        found: Mapping[str, Any] = self.manifest["scenario"]
        return found

    @cached_property
    def replications(self) -> tuple[int, ...]:
        """The replications that it has."""
        return tuple(self.manifest["replications"])

    def first(self) -> int:
        """Return the first replication."""
        return min(self.replications)

    def rows(self, name: str, replication: int, cart: int) -> list[Row]:
        """Return the rows of one cart."""
        return self.columns(name, replication, carts=(cart, cart)).plain()

    def columns(
        self,
        name: str,
        replication: int,
        wanted: Sequence[str] | None = None,
        *,
        carts: tuple[int, int] | None = None,
        window: Window | None = None,
    ) -> Columns:
        """Return columns of one replication; only of carts from one to another, or of what lies in a window.

        A table that lacks a column was recorded by another version, and is refused.
        """
        keys = {"replication": (replication, replication)} | ({} if carts is None else {"cart": carts})
        read = None if wanted is None else list(dict.fromkeys([*keys, *wanted]))
        path = self._file(name)
        with reading(path), pq.ParquetFile(path) as file:
            self._refuse_another_version(name, file.schema_arrow.names, read)
            table = file.read_row_groups(_groups(file, keys, window), read).unify_dictionaries()
        found = _columns(table)
        mine = np.logical_and.reduce([(found[key] >= low) & (found[key] <= high) for key, (low, high) in keys.items()])
        if window is not None:
            mine &= window.has(found)
        if not mine.all():
            found = found.at(np.flatnonzero(mine))
        return found if wanted is None else found.only(wanted)

    def last_cart(self, replication: int) -> int:
        """Return the number of the last cart of a replication; -1 if there is none."""
        carts = self.columns("carts", replication, ["cart"])["cart"]
        return int(carts.max()) if len(carts) else -1

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def _refuse_another_version(self, name: str, has: Sequence[str], read: Sequence[str] | None) -> None:
        """Raise `StoreError` if a table lacks columns that are to be read, all those of this version if not said."""
        wanted = [column.name for column in TABLES[name]] if read is None else read
        if lacking := [each for each in wanted if each not in has]:
            said = f"has no {' and no '.join(lacking)}, since another version recorded it"
            raise StoreError(f"{self._file(name)}: {said}; run it again {self._how(self.manifest['recorded'])}")

    def _how(self, needs: Sequence[str]) -> str:
        """Return how to make the same run with what is missing."""
        how = "with" if from_values(self.manifest) else f"as {command(self.manifest)}"
        return f"{how} --record {','.join(needs)}"


def from_values(manifest: Mapping[str, Any]) -> bool:
    """Return whether a scenario was given as values, so that there is no file of it."""
    return str(manifest["file"]).endswith("(values)")


def command(manifest: Mapping[str, Any]) -> str:
    """Return the command that makes a run again, from its scenario file or from the scenario as resolved."""
    finished, values = len(manifest["replications"]), from_values(manifest)
    asked = finished if manifest["interrupted"] else manifest["replications_asked"]
    words = ["pagopa-sim", "run", "scenario.yaml" if values else manifest["file"], "--replications", str(asked)]
    if asked == "auto":
        rule = manifest["stopping"]
        words += ["--precision", f"{rule['precision']:g}", "--max", str(rule["maximum"])]
    sets = [] if values else [each for each in manifest["sets"] if not each.startswith("run.seed=")]
    words += ["--seed", str(manifest["seed"]), *(word for each in sets for word in ("--set", each))]
    return shlex.join(words)


def _groups(file: pq.ParquetFile, keys: Mapping[str, tuple[int, int]], window: Window | None) -> list[int]:
    """Return the row groups that may have such rows: those that their statistics do not rule out."""
    numbers = range(file.metadata.num_row_groups)
    return [number for number in numbers if _may_have(_bounds(file.metadata.row_group(number)), keys, window)]


def _may_have(
    bounds: Mapping[str, tuple[float, float]], keys: Mapping[str, tuple[int, int]], window: Window | None
) -> bool:
    anything = -inf, inf
    for key, (low, high) in keys.items():
        least, most = bounds.get(key, anything)
        if most < low or least > high:
            return False
    if window is None:
        return True
    last = max(bounds.get(end, anything)[1] for end in window.ends)
    return bounds.get(window.begins, anything)[0] < window.to_s and last >= window.from_s


def _bounds(group: Any) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest value of each column of a row group, where they are known."""
    columns = [group.column(number) for number in range(group.num_columns)]
    known = [(column.path_in_schema, column.statistics) for column in columns]
    return {name: (each.min, each.max) for name, each in known if each is not None and each.has_min_max}


def _columns(table: pa.Table) -> Columns:
    """Return a table's columns as they lie in memory; much else in Arrow would import pandas, which takes a while."""
    values, names = {}, {}
    for column in table.column_names:
        found = table[column].combine_chunks()
        if pa.types.is_dictionary(found.type):
            names[column] = tuple(found.dictionary.to_pylist())
            found = found.indices
        truths = pa.types.is_boolean(found.type)
        numbers = np.from_dlpack(found.cast(pa.uint8()) if truths else found)
        values[column] = numbers.view(bool) if truths else numbers
    return Columns(values, names)
