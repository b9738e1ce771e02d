"""Stored runs, read a few rows at a time: of a run with a million payments only what one story needs.

Tables are sorted by replication and cart, and a row group's statistics say which carts it has, so that few of them are
read. Rows of a cart are plain values; rows of many carts are columns.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sim.records import ON_REQUEST
from sim.store import StoreError, read_document

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

    def plain(self) -> list[Row]:
        """Return all rows as plain values, names instead of codes and None instead of NaN."""
        columns = {name: values.tolist() for name, values in self.values.items()}
        for name, values in self.values.items():
            if values.dtype.kind == "f":
                columns[name] = [None if isnan(value) else value for value in columns[name]]
            elif name in self.names:
                columns[name] = [self.names[name][code] for code in columns[name]]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class Recorded:
    """A stored run that has calls and states."""

    def __init__(self, folder: Path, needs: Sequence[str] = ON_REQUEST) -> None:
        self.folder = folder
        self.manifest = read_document(folder)
        if "recorded" not in self.manifest:
            raise StoreError(f"{folder}: is not the folder of a run; give results/SCENARIO/RUN")
        missing = [name for name in needs if not self._file(name).is_file()]
        if missing:
            raise StoreError(f"{folder}: has no {' and no '.join(missing)}; run it again: {self._command(needs)}")

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
        return self.columns(name, replication, None, cart).plain()

    def columns(
        self, name: str, replication: int, wanted: Sequence[str] | None = None, cart: int | None = None
    ) -> Columns:
        """Return columns of one replication, or of one cart in it."""
        carts = None if cart is None else (cart, cart)
        table = self._table(name, replication, carts, wanted).unify_dictionaries()
        values, names = {}, {}
        for column in table.column_names:
            found = table[column].combine_chunks()
            if isinstance(found, pa.ChunkedArray):
                found = pa.concat_arrays(found.chunks) if found.num_chunks else pa.array([], found.type)
            if pa.types.is_dictionary(found.type):
                names[column] = tuple(found.dictionary.to_pylist())
                found = found.indices
            values[column] = found.to_numpy(zero_copy_only=False)
        return Columns(values, names)

    def last_cart(self, replication: int) -> int:
        """Return the number of the last cart of a replication; -1 if there is none."""
        carts = self.columns("carts", replication, ["cart"])["cart"]
        return int(carts.max()) if len(carts) else -1

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def _table(
        self, name: str, replication: int, carts: tuple[int, int] | None, wanted: Sequence[str] | None
    ) -> pa.Table:
        """Read the row groups that may have these carts, and of them the rows that do."""
        keys = ["replication"] if carts is None else ["replication", "cart"]
        bounds = [(replication, replication)] if carts is None else [(replication, replication), carts]
        columns = None if wanted is None else list(dict.fromkeys([*keys, *wanted]))
        with _reading(self._file(name)) as file:
            groups = [n for n in range(file.metadata.num_row_groups) if _overlaps(file, n, keys, bounds)]
            table = file.read_row_groups(groups, columns)
        for key, (low, high) in zip(keys, bounds, strict=True):
            chosen = pc.and_(pc.greater_equal(table[key], low), pc.less_equal(table[key], high))
            table = table.filter(chosen)
        return table if wanted is None else table.select(list(wanted))

    def _command(self, needs: Sequence[str]) -> str:
        """Return the command that makes the same run with what is missing."""
        sets = [word for each in self.manifest.get("sets", ()) for word in ("--set", each)]
        count = ["--replications", str(self.manifest.get("replications_asked", len(self.replications)))]
        words = ["pagopa-sim", "run", self.manifest.get("file", "SCENARIO"), *sets, *count, "--record", ",".join(needs)]
        return shlex.join(map(str, words))


@contextmanager
def _reading(file: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(file) as opened:
            yield opened
    except (pa.ArrowInvalid, OSError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(f"{file}: is not a table of a run ({why})") from error


def _overlaps(file: pq.ParquetFile, group: int, keys: Sequence[str], bounds: Sequence[tuple[int, int]]) -> bool:
    """Whether a row group may have rows within all bounds; one without statistics may."""
    metadata = file.metadata.row_group(group)
    places = {metadata.column(n).path_in_schema: n for n in range(metadata.num_columns)}
    for key, (low, high) in zip(keys, bounds, strict=True):
        known = metadata.column(places[key]).statistics
        if known is not None and known.has_min_max and (known.max < low or known.min > high):
            return False
    return True
