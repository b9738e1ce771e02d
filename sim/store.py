"""Results on disk: `results/<scenario>/<run-id>/`, the only file of the program that touches them.

A run is written beside its place, in a hidden draft, and renamed when it is whole: what is there is complete, and an
existing run is never overwritten. Workers write a part per replication into the draft; the parts are joined in order
of replication, a row group each, so that a run looks the same however many workers made it.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sim.records import STORED, Column, Records, stored

if TYPE_CHECKING:
    import pandas as pd

MANIFEST, SUMMARY = "manifest.json", "summary.json"


class StoreError(Exception):
    """Results that cannot be written or read: says where and what to do."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A run that is being written."""

    folder: Path
    place: Path

    def write(self, records: Records) -> None:
        """Write the tables of one replication as parts; whole or not at all."""
        for name, table in stored(records).items():
            part = self.folder / "parts" / f"{name}-{records.replication:06d}.parquet"
            beside = part.with_suffix(".tmp")
            pq.write_table(_arrow(records, STORED[name], table), beside, compression="zstd")
            beside.replace(part)

    def finish(self, manifest: Mapping[str, Any], summary: Mapping[str, Any], replications: Sequence[int]) -> Path:
        """Join the parts of these replications, add the documents, and move the run to its place."""
        try:
            for name in STORED:
                self._join(name, replications)
            shutil.rmtree(self.folder / "parts")
            for document, values in ((MANIFEST, manifest), (SUMMARY, summary)):
                text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
                (self.folder / document).write_text(text + "\n", encoding="utf-8")
            self.folder.rename(self.place)
        except OSError as error:
            raise StoreError(f"{self.place}: cannot be written ({error.strerror}); nothing was left there") from error
        return self.place

    def _join(self, name: str, replications: Sequence[int]) -> None:
        parts = [self.folder / "parts" / f"{name}-{replication:06d}.parquet" for replication in replications]
        parts = [part for part in parts if part.exists()]
        if not parts:
            return
        with pq.ParquetWriter(
            self.folder / f"{name}.parquet", pq.read_schema(parts[0]), compression="zstd"
        ) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))

    def abandon(self) -> None:
        """Remove the draft; harmless when the run has moved to its place."""
        shutil.rmtree(self.folder, ignore_errors=True)


def begin(out: Path, scenario: str, fingerprint: str) -> Draft:
    """Open a draft for a run of a scenario; raises `StoreError` if the folder cannot be written."""
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%dT%H%M%S}-{fingerprint[:8]}"
    try:
        parent = out / scenario
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1000):
            name = run_id if number == 0 else f"{run_id}-{number}"
            draft = Draft(parent / f".{name}.{os.getpid()}", parent / name)
            if not draft.place.exists() and not any(parent.glob(f".{name}.*")):
                (draft.folder / "parts").mkdir(parents=True)
                return draft
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}); give another folder with --out") from error
    raise StoreError(f"{out}: a thousand runs began in one second; give another folder with --out")


def read_table(run: Path, name: str) -> "pd.DataFrame":
    """Read one table of a run; raises `StoreError` if the run does not have it."""
    file = run / f"{name}.parquet"
    if not file.is_file():
        wanted = f"; it is written with --record {name}" if name in ("calls", "states") else ""
        raise StoreError(f"{file}: is not there{wanted}")
    try:
        frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{file}: is not a table of a run ({str(error).splitlines()[0]})") from error
    return frame


def read_document(run: Path, name: str = MANIFEST) -> Any:
    """Read the manifest or the summary of a run; raises `StoreError`."""
    try:
        return json.loads((run / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{run / name}: cannot be read ({error}); give the folder of a run") from error


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
