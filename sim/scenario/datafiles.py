"""Data files that a scenario names: samples of an empirical law, and arrival times of a trace.

Only files below the scenario's own folder are read, and what is wrong with them is a problem of the scenario.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from sim.scenario.tree import Problem, Tree

Array = npt.NDArray[Any]
MAX_BYTES = 500_000_000
MAX_SAMPLES = 1_000_000


class _DataError(Exception):
    """What is wrong with a data file, and what to do about it."""


def resolve(root: Tree, folder: Path, problems: list[Problem]) -> Array | None:
    """Put the samples of every empirical law into the tree, and return the arrival times of a trace, if any."""
    for path, tree in list(root.walk()):
        if isinstance(tree.value, dict) and "empirical" in tree.value:
            _empirical(tree.value["empirical"], f"{path}.empirical", folder, problems)
    arrivals = root.value.get("arrivals") if isinstance(root.value, dict) else None
    if arrivals is None or not isinstance(arrivals.value, dict) or "trace" not in arrivals.value:
        return None
    return _trace(arrivals.value["trace"], folder, problems)


def _empirical(tree: Tree, path: str, folder: Path, problems: list[Problem]) -> None:
    options = tree.plain()
    if not isinstance(options, dict) or "values" in options:
        return
    wanted = {"file", "column", "unit"}
    if set(options) != wanted:
        fix = "write {file: x.csv, column: c, unit: ms}"
        problems.append(Problem(tree.at, path, "needs file, column and unit", fix))
        return
    try:
        values = _column(folder, str(options["file"]), str(options["column"]))
        if len(values) > MAX_SAMPLES:
            raise _DataError(f"has {len(values)} values; give at most {MAX_SAMPLES}, or a quantile table")
        if (values < 0).any():
            raise _DataError("has negative values; keep values of zero or more")
    except _DataError as error:
        problems.append(_problem(tree, path, error))
        values = np.zeros(1)
    written = [Tree(f"{value!r} {options['unit']}", tree.at) for value in values.tolist()]
    tree.value = {"values": Tree(written, tree.at)}


def _trace(tree: Tree, folder: Path, problems: list[Problem]) -> Array | None:
    options = tree.plain()
    if not isinstance(options, dict) or not {"file", "column"} <= set(options):
        return None  # the schema says what is missing
    try:
        return _column(folder, str(options["file"]), str(options["column"]), times=True)
    except _DataError as error:
        problems.append(_problem(tree, "arrivals.trace", error))
        return None


def _problem(tree: Tree, path: str, error: _DataError) -> Problem:
    problem, _, fix = str(error).partition("; ")
    return Problem(tree.at, path, problem, fix)


def _column(folder: Path, name: str, column: str, *, times: bool = False) -> Array:
    file = (folder / name).resolve()
    if not file.is_relative_to(folder):
        raise _DataError(f"names {name}, which lies outside the scenario's folder; move the file there")
    if not file.is_file():
        raise _DataError(f"names {name}, which is not there; name a file below the scenario's folder")
    if file.stat().st_size > MAX_BYTES:
        raise _DataError(f"names {name}, which is over {MAX_BYTES / 1e6:g} MB; give fewer rows")
    try:
        table = pq.read_table(file) if file.suffix == ".parquet" else pyarrow.csv.read_csv(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError) as error:
        raise _DataError(f"cannot read {name}: {str(error).splitlines()[0]}; give a CSV or Parquet file") from None
    if column not in table.column_names:
        raise _DataError(f"finds no column {column} in {name}; write one of {', '.join(table.column_names)}")
    return _numbers(table.column(column), name, column, times=times)


def _numbers(values: Any, name: str, column: str, *, times: bool) -> Array:
    if times and (pa.types.is_timestamp(values.type) or pa.types.is_string(values.type)):
        try:
            stamps = pc.cast(values, pa.timestamp("us"))
        except pa.ArrowInvalid:
            raise _DataError(f"has values in {column} that are no timestamps; write ISO 8601 or seconds") from None
        seconds = np.asarray(pc.cast(stamps, pa.int64())).astype(float) / 1e6
        return np.asarray(seconds - seconds.min()) if len(seconds) else seconds
    try:
        numbers = np.asarray(pc.cast(values, pa.float64())).astype(float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _DataError(f"has values in {column} of {name} that are not numbers; write numbers only") from None
    if not len(numbers) or not np.isfinite(numbers).all():
        raise _DataError(f"has no values, or empty ones, in {column} of {name}; write a number in every row")
    return numbers
