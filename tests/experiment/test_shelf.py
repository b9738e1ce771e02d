"""The shelf: what is put there is found again, also by others; and when the file cannot be used, it says what to do."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from sim.shelf import FILE, shelf
from sim.store import StoreError

ROW = {"verdict": "pass", "città": 0.1 + 0.2, "unknown": None, "replications": 3}


@pytest.fixture
def filled(tmp_path):
    """Return a folder whose shelf has 400 points and replications of a kB each, some hundred pages."""
    with shelf(tmp_path) as kept:
        for number in range(400):
            kept.put_point(f"point {number}", {"text": "x" * 1000})
            kept.put_replication("scenario", number, b"x" * 1000)
    return tmp_path


def test_what_is_put_there_is_found_when_it_is_opened_again(tmp_path):
    """To the last bit, under its own address and no other; what is put again replaces what was there."""
    with shelf(tmp_path) as kept:
        kept.put_replication("a", 0, b"old")
        kept.put_replication("a", 0, b"zero")
        kept.put_replication("a", 7, b"seven")
        kept.put_replication("b", 0, b"other")
        kept.put_point("p", ROW)
    with shelf(tmp_path) as kept:
        assert kept.replications("a") == {0: b"zero", 7: b"seven"}
        assert kept.replications("nothing") == {}
        assert kept.points(["p", "q"]) == {"p": ROW}
        assert kept.finished(["p", "q"]) == {"p"}
        assert kept.finished([]) == set()


def test_rows_of_different_columns_are_kept_apart(tmp_path):
    """Rows have the names that they were put there with, also those that another program put there meanwhile."""
    with shelf(tmp_path) as kept, shelf(tmp_path) as other:
        kept.put_point("a", {"x": 1, "y": None})
        assert kept.points(["a"]) == {"a": {"x": 1, "y": None}}
        other.put_point("b", {"y": 2.5, "x": "text"})
        other.put_point("c", {"x": 3, "y": 4})
        found = kept.points(["a", "b", "c"])
    assert found == {"a": {"x": 1, "y": None}, "b": {"y": 2.5, "x": "text"}, "c": {"x": 3, "y": 4}}
    assert [list(found[key]) for key in "abc"] == [["x", "y"], ["y", "x"], ["x", "y"]]


def test_a_shelf_that_is_not_there_is_made_when_a_replication_is_asked_for(tmp_path):
    """Asking which points are finished makes none: so input that turns out to be bad leaves nothing behind."""
    with shelf(tmp_path / "new") as kept:
        assert (kept.finished(["p"]), kept.points(["p"])) == (set(), {})
        assert not (tmp_path / "new").exists()
        assert kept.replications("a") == {}
        assert (tmp_path / "new" / FILE).exists()


def test_any_number_of_points_can_be_asked_for_at_once(filled):
    """SQLite takes a limited number of parameters in a query."""
    keys = [f"point {number}" for number in range(40_000)]
    with shelf(filled) as kept:
        assert len(kept.finished(keys)) == 400


def test_many_may_make_one_shelf_at_the_same_time(tmp_path):
    """Twelve open a shelf that is not there yet, and each puts something on it: all of it is there."""

    def put(number):
        with shelf(tmp_path / "new") as kept:
            for replication in range(20):
                kept.put_replication(f"scenario {number}", replication, b"x")

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(put, range(12)))
    with shelf(tmp_path / "new") as kept:
        assert all(len(kept.replications(f"scenario {number}")) == 20 for number in range(12))


def test_what_is_put_there_is_seen_by_those_who_have_it_open(tmp_path):
    """As two sweeps at once do."""
    with shelf(tmp_path) as one, shelf(tmp_path) as two:
        one.put_point("p", ROW)
        assert two.finished(["p"]) == {"p"}
        two.put_point("q", ROW)
        assert one.finished(["p", "q"]) == {"p", "q"}


def use(folder):
    """Use everything that is on a shelf."""
    with shelf(folder) as kept:
        kept.points([f"point {number}" for number in range(400)])
        kept.replications("scenario")


def spoil(file, offset, length):
    """Overwrite a part of a file."""
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xa5" * length)


DAMAGES = {
    "its beginning": lambda file: spoil(file, 0, 100),
    "everything": lambda file: file.write_bytes(b"not a shelf at all, " * 1000),
    "the middle": lambda file: spoil(file, 4096 * 2, 4096 * 60),
    "the second half is missing": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_said_with_what_to_do(filled, damage):
    """Where it is, what SQLite says of it, and that it may be deleted; when that is done, all goes well."""
    DAMAGES[damage](filled / FILE)
    with pytest.raises(StoreError) as error:
        use(filled)
    said = str(error.value)
    assert said.startswith(f"{filled / FILE}: is damaged (")
    assert said.endswith("); delete it: what was finished is then computed again")
    (filled / FILE).unlink()
    use(filled)


def test_a_row_that_is_damaged_is_said_with_what_to_do(filled):
    """A page may be well formed and its contents not."""
    with sqlite3.connect(filled / FILE) as raw:
        raw.execute("UPDATE rows SET cells = '[1, ' WHERE key = 'point 7'")
    raw.close()
    with pytest.raises(StoreError, match=r"is damaged \(.*\); delete it: what was finished is then computed again"):
        use(filled)


def test_tables_of_another_form_are_said_with_what_to_do(tmp_path):
    """As an older or a newer program would have left them."""
    with sqlite3.connect(tmp_path / FILE) as raw:
        raw.execute("CREATE TABLE rows (name TEXT)")
    raw.close()
    with pytest.raises(StoreError, match=r"is damaged \(no such column: key\); delete it"):
        use(tmp_path)


def test_a_full_disk_loses_nothing_that_was_there(filled):
    """SQLite takes no more pages than it is allowed to, as it would on a full disk; with room it goes on."""
    with shelf(filled) as kept:
        (pages,) = kept._db.execute("PRAGMA page_count").fetchone()
        kept._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"cannot be used \(database or disk is full\); make room or give another"):
            kept.put_replication("large", 0, b"x" * 1_000_000)
        assert kept.replications("large") == {}
        assert len(kept.replications("scenario")) == 400
        kept._db.execute("PRAGMA max_page_count = 1000000")
        kept.put_replication("large", 0, b"x" * 1_000_000)
    with shelf(filled) as kept:
        assert len(kept.replications("large")[0]) == 1_000_000


@pytest.mark.parametrize("place", [FILE, ""])
def test_a_place_that_cannot_be_used_is_said_with_what_to_do(tmp_path, place):
    """A folder where the file should be, a file where the folder should be."""
    results = tmp_path / "results"
    if place:
        (results / place).mkdir(parents=True)
    else:
        results.write_text("")
    with pytest.raises(StoreError, match=r"finished\.sqlite: cannot be used \(.+\); make room or give another folder"):
        use(results)
