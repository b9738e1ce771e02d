"""Results on disk: `results/<scenario>/<run-id>/`, the only file of the program that touches them.

A run is written beside its place, in a hidden draft, and renamed when it is whole: what is there is complete, and an
existing run is never overwritten. Workers write a part per replication into the draft; the parts are joined in order
of replication, in row groups that a reader can skip, so that a run looks the same however many workers made it.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sim.analysis.document import MANIFEST_OF_RUN, MANIFEST_OF_SWEEP
from sim.records import STORED, Column, Records, stored

if TYPE_CHECKING:
    import pandas as pd

MANIFEST, SUMMARY, PARTS = "manifest.json", "summary.json", "parts"
POINTS, POINTS_CSV = "points.parquet", "summary.csv"
TALLIES = "tallies.parquet"
MOST_AT_ONCE = 1000
ROWS_IN_A_GROUP = 1 << 16
"""Small enough that the rows of one cart are found without reading much else."""
T = TypeVar("T")


class StoreError(Exception):
    """Results that cannot be written or read: says where and what to do."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A run that is being written."""

    folder: Path
    place: Path

    def write(self, records: Records) -> None:
        """Write the tables of one replication as parts, each whole or not at all; raises `StoreError`."""
        with self._refusing():
            for name, table in stored(records).items():
                part = self._part(name, records.replication)
                beside = part.with_suffix(".tmp")
                pq.write_table(_arrow(records, STORED[name], table), beside, compression="zstd")
                beside.replace(part)

    def finish(
        self,
        manifest: Mapping[str, Any],
        summary: Mapping[str, Any],
        replications: Sequence[int],
        tallies: Sequence[bytes] = (),
    ) -> Path:
        """Join the parts of these replications, add documents and packed tallies, and move the run to its place."""
        with self._refusing():
            for name in STORED:
                self._join(name, replications)
            shutil.rmtree(self.folder / PARTS)
            numbers = pa.array(replications[: len(tallies)], pa.int32())
            packed = pa.table({"replication": numbers, "tally": pa.array(tallies, pa.binary())})
            pq.write_table(packed, self.folder / TALLIES, compression="none")
            _write_document(self.folder / MANIFEST, manifest)
            _write_document(self.folder / SUMMARY, summary)
            self.folder.rename(self.place)
        return self.place

    def abandon(self) -> None:
        """Remove the draft; harmless when the run has moved to its place."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, name: str, replication: int) -> Path:
        return self.folder / PARTS / f"{name}-{replication:06d}.parquet"

    def _join(self, name: str, replications: Sequence[int]) -> None:
        parts = [part for part in (self._part(name, each) for each in replications) if part.exists()]
        if not parts:
            return
        whole = self.folder / f"{name}.parquet"
        with pq.ParquetWriter(whole, pq.read_schema(parts[0]), compression="zstd") as writer:
            for part in parts:
                writer.write_table(_read(part), row_group_size=ROWS_IN_A_GROUP)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self.place}: cannot be written ({_why(error)}); nothing was left there") from error


def begin(out: Path, scenario: str, fingerprint: str) -> Draft:
    """Open a draft for a run of a scenario; raises `StoreError` if the folder cannot be written.

    Making the draft's folder reserves the name of the run, so that of two runs that begin in one second each gets its
    own place.
    """
    parent = _made(out, scenario)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{fingerprint[:8]}"
    try:
        for number in range(MOST_AT_ONCE):
            name = run_id if number == 0 else f"{run_id}-{number}"
            draft = Draft(parent / f".{name}", parent / name)
            with suppress(FileExistsError):
                draft.folder.mkdir()
                if not draft.place.exists():
                    (draft.folder / PARTS).mkdir()
                    return draft
                draft.folder.rmdir()
    except OSError as error:
        raise _unwritable(out, _why(error)) from error
    raise StoreError(f"{parent}: {MOST_AT_ONCE} runs began in one second; try again")


@dataclass(frozen=True, slots=True)
class SweepDraft:
    """A sweep that is being written, or that was written before: the same sweep has the same place."""

    place: Path

    @property
    def finished(self) -> bool:
        """Whether the sweep is there already."""
        return self.place.is_dir()

    def finish(self, rows: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]) -> None:
        """Write all rows, in order, and move the sweep to its place; raises `StoreError`."""
        try:
            with TemporaryDirectory(prefix=f".{self.place.name}-", dir=self.place.parent) as beside:
                folder = Path(beside) / "whole"
                folder.mkdir()
                _write_points(folder, iter(rows))
                _write_document(folder / MANIFEST, manifest)
                self._take_place(folder)
        except OSError as error:
            said = f"{self.place}: cannot be written ({_why(error)}); what was finished is kept, so run it again"
            raise StoreError(said) from error

    def _take_place(self, folder: Path) -> None:
        """Move a folder to the sweep's place, unless the same sweep, run twice at once, is there by now."""
        try:
            folder.rename(self.place)
        except OSError:
            if not self.finished:
                raise

    def manifest(self) -> Any:
        """Read the manifest; raises `StoreError`."""
        return read_document(self.place)


def begin_sweep(out: Path, scenario: str, address: str) -> SweepDraft:
    """Open the place of a sweep with an address; raises `StoreError` if the folder cannot be written."""
    return SweepDraft(_made(out, scenario) / f"sweep-{address[:16]}")


def usable(out: Path) -> Path:
    """Return a folder whose name can be written down wherever it has to be; raises `StoreError` for another."""
    try:
        if b"\0" not in str(out).encode():
            return out
    except UnicodeEncodeError:
        pass  # bytes that are no text, or half of a character
    raise _unwritable(out, "its name is no text in UTF-8")


def _made(out: Path, scenario: str) -> Path:
    """Return the folder of a scenario's results, made if it is not there."""
    folder = usable(out) / scenario
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, _why(error)) from error
    return folder


def _unwritable(out: Path, why: str) -> StoreError:
    shown = str(out).encode("utf-8", "backslashreplace").decode()
    return StoreError(f"{shown}: cannot be written ({why}); give another folder with --out")


def _write_points(folder: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    """Write a row per point as Parquet and as CSV, a batch at a time."""
    first = next(rows)
    kinds = {str: pa.string(), int: pa.int64()}
    schema = pa.schema([(name, kinds.get(type(value), pa.float64())) for name, value in first.items()])
    with (
        pq.ParquetWriter(folder / POINTS, schema, compression="zstd") as table,
        pa.csv.CSVWriter(folder / POINTS_CSV, schema) as text,
    ):
        for batch in batched(chain([first], rows), MOST_AT_ONCE):
            part = pa.table(list(zip(*(row.values() for row in batch), strict=True)), schema)
            table.write_table(part)
            text.write_table(part)


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield values in lists of a size, the last one shorter (as `itertools.batched` of Python 3.12)."""
    left = iter(values)
    while batch := list(islice(left, size)):
        yield batch


def read_points(sweep: Path, columns: Sequence[str] | None = None, most: int | None = None) -> "pd.DataFrame":
    """Read the table of points of a sweep, or some columns of the first rows; raises `StoreError`."""
    if most is None:
        return read_table(sweep, "points", columns)
    return next(each_points(sweep, columns, most))


def each_points(
    sweep: Path, columns: Sequence[str] | None = None, size: int = MOST_AT_ONCE
) -> "Iterator[pd.DataFrame]":
    """Yield the rows of the table of points, so many at a time; raises `StoreError`."""
    file = sweep / POINTS
    with reading(file), pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(size, columns=columns):
            yield batch.to_pandas()


def read_table(run: Path, name: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Read one table of a run, or some of its columns; raises `StoreError` if the run does not have it."""
    file = run / f"{name}.parquet"
    if not file.is_file():
        wanted = f"; it is written with --record {name}" if name in ("calls", "states") else ""
        raise StoreError(f"{file}: is not there{wanted}")
    with reading(file):
        frame: pd.DataFrame = _read(file, columns).to_pandas()
    return frame


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Raise `StoreError` for a file that turns out to be no table, or that cannot be read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{file}: is not a table of a run ({_why(error)})") from error


def read_tallies(run: Path) -> list[bytes]:
    """Read the packed tallies of a run, in order of replication; raises `StoreError`."""
    packed: list[bytes] = read_table(run, "tallies")["tally"].tolist()
    return packed


def read_document(run: Path, name: str = MANIFEST) -> Any:
    """Read the manifest or the summary of a run; raises `StoreError`."""
    try:
        return json.loads((run / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{run / name}: cannot be read ({error}); give the folder of a run") from error


def read_manifest(place: Path) -> dict[str, Any]:
    """Read the manifest of a run or a sweep that is to be shown; raises `StoreError` when it lacks what all have."""
    manifest = read_document(place)
    keys = MANIFEST_OF_SWEEP if (place / POINTS).is_file() else MANIFEST_OF_RUN
    lacks = [key for key in keys if not isinstance(manifest, dict) or key not in manifest]
    if not lacks and not (isinstance(manifest["scenario"], dict) and "name" in manifest["scenario"]):
        lacks = ["scenario.name"]
    if lacks:
        raise StoreError(f"{place / MANIFEST}: is damaged, or of another version: it lacks {lacks[0]}; run it again")
    return cast("dict[str, Any]", manifest)


def _write_document(file: Path, values: Any) -> None:
    """Write a document; bytes of a file's name that are no text are written as the escapes that JSON has for them."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _read(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one file as it is; what its folders are called does not matter, which it would to a data set."""
    with pq.ParquetFile(file) as opened:
        return opened.read(columns)


def _why(error: Exception) -> str:
    """Return what the system says of an error, in one line."""
    return getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]


def _arrow(records: Records, columns: Iterable[Column], table: Mapping[str, Any]) -> pa.Table:
    first = next(iter(table.values()))
    arrays: dict[str, Any] = {"replication": pa.array([records.replication] * len(first), pa.int32())}
    for column in columns:
        names, values = records.column_names(column), table[column.name]
        if names is None:
            arrays[column.name] = pa.array(values)
        else:
            arrays[column.name] = pa.DictionaryArray.from_arrays(pa.array(values.astype("int32")), pa.array(names))
    return pa.table(arrays)
