"""Data files that a scenario names: samples of an empirical law, and arrival times of a trace.

A file is named relative to the scenario file that names it. Only files below the folder of the scenario that is loaded
are read, and what is wrong with them is a problem of the scenario.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from sim.kernel.distributions import Empirical
from sim.scenario.flaws import suggestion
from sim.scenario.tree import Problem, Tree
from sim.scenario.units import size_bytes

Array = npt.NDArray[Any]
MAX_BYTES = size_bytes("500 MB")
"""Of a file, and of what a compressed one holds."""
MAX_SAMPLES = 100_000
"""Samples of one law: more of them say little more, and are carried to every process and written to every manifest."""
MAX_ARRIVALS = 20_000_000
"""Rows of a trace, which is read whole."""

NOTHING = Empirical((0.0,))
"""Stands where samples cannot be had, so that the rest of the scenario can be checked."""


class _DataError(Exception):
    """What is wrong with a data file, what to do about it, and by which key of the scenario it was named."""

    def __init__(self, said: str, key: str = "file") -> None:
        super().__init__(said)
        self.key = key


class DataFiles:
    """The data files that a scenario may read: below a folder, relative to the file that names them."""

    def __init__(self, folder: Path, homes: Mapping[str, Path], problems: list[Problem]) -> None:
        self.folder = folder
        self.homes = homes
        self.problems = problems

    def fill(self, root: Tree) -> Array | None:
        """Put the samples of every empirical law into the tree, and return the arrival times of a trace, if any."""
        for path, tree in list(root.walk()):
            if isinstance(tree.value, dict) and "empirical" in tree.value:
                self._fill(tree.value["empirical"], f"{path}.empirical")
        arrivals = root.value.get("arrivals")
        trace = arrivals.value.get("trace") if arrivals is not None and isinstance(arrivals.value, dict) else None
        if trace is None or not isinstance(trace.value, dict) or not {"file", "column"} <= set(trace.value):
            return None  # the schema says what is missing
        return self._read(trace, "arrivals.trace", _moments, MAX_ARRIVALS, f"give at most {MAX_ARRIVALS}")

    def _fill(self, tree: Tree, path: str) -> None:
        if not isinstance(tree.value, dict) or "values" in tree.value:
            return
        if set(tree.value) != {"file", "column", "unit"}:
            fix = "write {file: values.csv, column: name, unit: ms}"
            self.problems.append(Problem(tree.at, path, "needs file, column and unit", fix))
            samples = None
        else:
            fix = f"give at most {MAX_SAMPLES}, or quantiles"
            samples = self._read(tree, path, _samples, MAX_SAMPLES, fix)
        if samples is None:
            tree.value = NOTHING
        else:
            tree.value = {"samples": Tree(samples, tree.at), "unit": tree.value["unit"]}

    def _read(self, tree: Tree, path: str, read: Callable[[Any], Array], most: int, fewer: str) -> Array | None:
        """Read a column of at most so many rows; `fewer` is what to do when there are more."""
        file, column = tree.value["file"], tree.value["column"]
        try:
            found = _column(self._find(file), column.value, most)
            if not isinstance(found, int):
                return read(found)
            raise _DataError(f"has {found} rows; {fewer}")
        except _DataError as error:
            problem, _, fix = str(error).partition("; ")
            self.problems.append(Problem(tree.value[error.key].at, f"{path}.{error.key}", problem, fix))
        return None

    def _find(self, written: Tree) -> Path:
        name = written.value
        if not isinstance(name, str):
            raise _DataError("is not the name of a file; name a CSV or Parquet file")
        file = self.homes.get(written.at.file, self.folder) / name
        try:
            if not file.resolve().is_relative_to(self.folder.resolve()):
                raise _DataError(f"names {name}, which lies outside the scenario's folder; move the file there")
            if not file.is_file():
                raise _DataError(f"names {name}, which is not there; name a file below the scenario's folder")
            if file.stat().st_size > MAX_BYTES:
                raise _DataError(f"names {name}, which is over {MAX_BYTES / 1e6:g} MB; give fewer rows")
        except (OSError, ValueError, RuntimeError):  # no permission, too long, a null byte, links in a circle
            raise _DataError(f"names {name}, which cannot be opened; name a CSV or Parquet file") from None
        return file


def _column(file: Path, column: Any, most: int) -> pa.ChunkedArray | int:
    """Read one column of a CSV or Parquet file, or return how many rows it has if they are too many."""
    try:
        return (_parquet if file.suffix.lower() == ".parquet" else _csv)(file, column, most)
    except UnicodeDecodeError:
        raise _DataError(_not_utf_8(file)) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise _DataError(f"names {file.name}, which cannot be read: {said}; give a CSV or Parquet file") from None


def _parquet(file: Path, column: Any, most: int) -> pa.ChunkedArray | int:
    """Look at the footer first: a small file may hold any number of equal rows."""
    footer = pq.read_metadata(file)
    _check_name(file, column, footer.schema.to_arrow_schema().names)
    return footer.num_rows if footer.num_rows > most else pq.read_table(file, columns=[column]).column(0)


def _csv(file: Path, column: Any, most: int) -> pa.ChunkedArray | int:
    with pa.input_stream(file) as stream:  # decompresses by the name, for example values.csv.gz
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _DataError(f"names {file.name}, which holds over {MAX_BYTES / 1e6:g} MB; give fewer rows")
    with pyarrow.csv.open_csv(pa.BufferReader(data)) as reader:
        _check_name(file, column, reader.schema.names)
    options = pyarrow.csv.ConvertOptions(include_columns=[column])
    read = pyarrow.csv.read_csv(pa.BufferReader(data), convert_options=options).column(0)
    if pa.types.is_binary(read.type):
        raise _DataError(_not_utf_8(file))
    return len(read) if len(read) > most else read


def _not_utf_8(file: Path) -> str:
    return f"names {file.name}, which is not UTF-8; save the file as UTF-8"


def _check_name(file: Path, column: Any, names: list[str]) -> None:
    if column not in names:
        raise _DataError(f"is no column of {file.name}; {suggestion(column, names)}", "column")
    if names.count(column) > 1:
        raise _DataError(f"is a column that {file.name} has twice; give every column its own name", "column")


def _samples(column: pa.ChunkedArray) -> Array:
    """Return values of zero or more."""
    return _numbers(column, "write numbers only")


def _moments(column: pa.ChunkedArray) -> Array:
    """Return times from the start of the run; timestamps are counted from the first of them."""
    if not (pa.types.is_string(column.type) or pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return _numbers(column, "write seconds from the start of the run, or ISO 8601 timestamps")
    try:
        stamps = _stamps(column)
        since = pc.subtract_checked(pc.cast(stamps, pa.int64()), pc.cast(pc.min(stamps), pa.int64()))
    except pa.ArrowException:
        problem = "has values that are no times"
        raise _DataError(f"{problem}; write ISO 8601 timestamps, or seconds", "column") from None
    return _complete(np.asarray(since.to_numpy(), dtype=float) / _PER_S[stamps.type.unit])


_PER_S = {"s": 1e0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def _stamps(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return timestamps as exact as they are written: nanoseconds do for less than 600 years."""
    if pa.types.is_timestamp(column.type):
        return column
    try:
        return pc.cast(column, pa.timestamp("us"))
    except pa.ArrowException:
        return pc.cast(column, pa.timestamp("ns"))


def _numbers(column: pa.ChunkedArray, fix: str) -> Array:
    wrong = pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type)
    try:
        values = None if wrong else np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=float)
    except pa.ArrowException:
        values = None
    if values is None:
        raise _DataError(f"has values that are no numbers; {fix}", "column")
    values = _complete(values)
    if (values < 0).any():
        row = int(np.argmax(values < 0)) + 1
        raise _DataError(f"has a negative value in row {row}; write values of zero or more", "column")
    return values


def _complete(values: Array) -> Array:
    if not len(values):
        raise _DataError("has no rows; give at least one")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values))) + 1
        raise _DataError(f"has no finite value in row {row}; write one in every row", "column")
    return values
