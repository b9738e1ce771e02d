"""Results on disk: whole or not at all, never written over, and readable as what they were."""

import errno
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from model.worlds import run, world

import sim.store
from sim.analysis.document import MANIFEST_OF_RUN, MANIFEST_OF_SWEEP
from sim.model.run import replicate
from sim.records import STORED
from sim.store import StoreError, begin, read_document, read_manifest, read_table, reading


class Noon(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        """Return noon of a day in 2026."""
        return cls(2026, 3, 1, 12, tzinfo=tz or UTC)


@pytest.fixture
def records():
    """Return the records of one cart, calls and states included."""
    return run()


@pytest.fixture
def noon(monkeypatch):
    """Make every run begin in the same second."""
    monkeypatch.setattr(sim.store, "datetime", Noon)


def stored(out, *replications, record=("calls", "states")):
    """Store replications of the world and return the folder of the run."""
    draft = begin(out, "by-hand", "f" * 64)
    for number in replications:
        draft.write(replicate(world(), number, record=record))
    return draft.finish({"seed": 1}, {"metrics": {}}, replications)


def visible(out):
    """Return what looks like a run below a results folder."""
    return sorted(path.name for path in out.glob("*/*") if not path.name.startswith("."))


def test_a_run_appears_when_it_is_whole(tmp_path, records):
    """Until then there is only a hidden draft, with parts and no manifest; after it only the run."""
    draft = begin(tmp_path, "by-hand", "f" * 64)
    draft.write(records)
    assert visible(tmp_path) == []
    assert not list(tmp_path.rglob("manifest.json"))
    place = draft.finish({"seed": 1}, {"metrics": {}}, [0])
    assert visible(tmp_path) == [place.name]
    assert [path.name for path in (tmp_path / "by-hand").iterdir()] == [place.name]
    assert (read_document(place), read_document(place, "summary.json")) == ({"seed": 1}, {"metrics": {}})


def test_a_draft_that_is_abandoned_leaves_nothing(tmp_path, records):
    """Also after parts have been written; abandoning a finished run changes nothing."""
    draft = begin(tmp_path, "by-hand", "f" * 64)
    draft.write(records)
    draft.abandon()
    assert list((tmp_path / "by-hand").iterdir()) == []
    place = stored(tmp_path, 0)
    begin(tmp_path, "by-hand", "f" * 64).abandon()
    assert [path.name for path in (tmp_path / "by-hand").iterdir()] == [place.name]


@pytest.mark.usefixtures("noon")
def test_runs_of_one_second_get_places_of_their_own(tmp_path):
    """Three are open at once, and a fourth begins after they have ended: four runs, none written over."""
    drafts = [begin(tmp_path, "by-hand", "f" * 64) for _ in range(3)]
    places = [draft.finish({"number": number}, {}, []) for number, draft in enumerate(drafts)]
    places.append(begin(tmp_path, "by-hand", "f" * 64).finish({"number": 3}, {}, []))
    assert [place.name for place in places] == [
        "20260301T120000-ffffffff",
        *(f"20260301T120000-ffffffff-{n}" for n in (1, 2, 3)),
    ]
    assert [read_document(place)["number"] for place in places] == [0, 1, 2, 3]


@pytest.mark.usefixtures("noon")
def test_a_draft_left_behind_by_a_killed_run_keeps_nobody_from_running(tmp_path):
    """Its name is taken, so the next run of that second gets another one."""
    begin(tmp_path, "by-hand", "f" * 64)
    assert begin(tmp_path, "by-hand", "f" * 64).place.name == "20260301T120000-ffffffff-1"
    assert visible(tmp_path) == []


def test_a_place_that_was_taken_meanwhile_is_not_written_over(tmp_path):
    """Somebody else's folder of that name stays as it is, and the run says that it could not be kept."""
    draft = begin(tmp_path, "by-hand", "f" * 64)
    draft.place.mkdir()
    (draft.place / "theirs").write_text("precious")
    with pytest.raises(StoreError, match="cannot be written"):
        draft.finish({}, {}, [])
    assert [path.name for path in draft.place.iterdir()] == ["theirs"]


def test_a_table_has_the_columns_that_are_listed_for_it(tmp_path):
    """The replication first, then every column in order, with categories as names and the rest bit for bit."""
    place = stored(tmp_path, 0, 1)
    before = [replicate(world(), number, record=("calls", "states")) for number in (0, 1)]
    for name, columns in STORED.items():
        frame = read_table(place, name)
        assert list(frame.columns) == ["replication", *(column.name for column in columns)]
        if name == "reversals":
            continue
        for column in columns:
            values = np.concatenate([records.tables[name][column.name] for records in before])
            names = before[0].column_names(column)
            if names is None:
                np.testing.assert_array_equal(frame[column.name].to_numpy(), values)
            else:
                assert frame[column.name].tolist() == [names[code] for code in values]
    payments = read_table(place, "payments")
    assert payments["replication"].tolist() == [0, 1]
    assert payments["status"].tolist() == ["NOTIFIED", "NOTIFIED"]


def test_parts_are_joined_in_order_of_replication(tmp_path):
    """However they were written, a row group for each that is asked for, and none of the others."""
    draft = begin(tmp_path, "by-hand", "f" * 64)
    for number in (2, 0, 1):
        draft.write(replicate(world(), number))
    place = draft.finish({}, {}, [0, 2])
    assert read_table(place, "carts")["replication"].tolist() == [0, 2]
    assert pq.ParquetFile(place / "carts.parquet").num_row_groups == 2


def test_a_folder_with_an_equals_sign_adds_no_column(tmp_path):
    """A sweep may call its folders `rate=5`; what is read is the file and nothing of its path."""
    place = stored(tmp_path / "rate=5", 0)
    assert "rate" not in read_table(place, "carts").columns


def full(*_arguments, **_options):
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, records, monkeypatch):
    """In the middle of a replication, and when the parts are joined: where, why, and no run."""
    said = r"cannot be written \(No space left on device\); nothing was left there"
    draft = begin(tmp_path, "by-hand", "f" * 64)
    draft.write(records)
    monkeypatch.setattr(pq, "ParquetWriter", full)
    with pytest.raises(StoreError, match=said):
        draft.finish({}, {}, [0])
    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError, match=said):
        draft.write(records)
    draft.abandon()
    assert list((tmp_path / "by-hand").iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    """A file where a folder should be, and what to do about it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written \(Not a directory\); give another folder with --out"):
        begin(tmp_path / "file", "by-hand", "f" * 64)


def test_what_a_run_does_not_have_is_said(tmp_path):
    """A table that was not asked for, a damaged one, a folder that is no run."""
    place = stored(tmp_path, 0, record=())
    with pytest.raises(StoreError, match="is not there; it is written with --record calls"):
        read_table(place, "calls")
    (place / "carts.parquet").write_bytes(b"not a table")
    with pytest.raises(StoreError, match="is not a table of a run"):
        read_table(place, "carts")
    with pytest.raises(StoreError, match="give the folder of a run"):
        read_document(tmp_path)
    (place / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        read_document(place)


def test_documents_are_json_that_any_reader_takes(tmp_path):
    """No NaN; names in any language as they are written."""
    draft = begin(tmp_path, "by-hand", "f" * 64)
    place = draft.finish({"name": "città"}, {}, [])
    assert json.loads((place / "manifest.json").read_bytes()) == {"name": "città"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        begin(tmp_path, "by-hand", "f" * 64).finish({"mean": float("nan")}, {}, [])


def test_a_name_that_is_no_text_is_written_and_read_again(tmp_path):
    r"""A file of a scenario may be called so, b\xff.yaml: its document is UTF-8, and has the name."""
    place = begin(tmp_path, "by-hand", "f" * 64).finish({"file": "b\udcff.yaml"}, {}, [])
    assert (place / "manifest.json").read_bytes().decode("utf-8").splitlines()[1] == r' "file": "b\udcff.yaml"'
    assert read_document(place) == {"file": "b\udcff.yaml"}


@pytest.mark.parametrize(("structure", "sweep"), [(MANIFEST_OF_RUN, False), (MANIFEST_OF_SWEEP, True)])
def test_a_manifest_that_lacks_a_key_is_refused_by_its_name(tmp_path, structure, sweep):
    """Whichever it is, since somebody reads it; one that has all is read."""
    if sweep:
        (tmp_path / "points.parquet").touch()
    whole = {**dict.fromkeys(structure), "scenario": {"name": "by-hand"}}
    (tmp_path / "manifest.json").write_text(json.dumps(whole))
    assert read_manifest(tmp_path) == whole
    for key in structure:
        (tmp_path / "manifest.json").write_text(json.dumps({each: whole[each] for each in whole if each != key}))
        with pytest.raises(StoreError, match=f"it lacks {key}; run it again"):
            read_manifest(tmp_path)


@pytest.mark.parametrize("error", [pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError])
def test_whatever_arrow_says_of_a_file_is_an_error_of_the_store(tmp_path, error):
    """Its errors have no one base among Python's own."""
    with pytest.raises(StoreError, match="carts: is not a table of a run"), reading(tmp_path / "carts"):
        raise error("of another format")
