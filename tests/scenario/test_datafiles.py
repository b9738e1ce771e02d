"""Data files: samples of an empirical law, and the arrival times of a trace."""

import gzip
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.kernel.distributions import Empirical
from sim.scenario import datafiles
from sim.scenario.load import dump, from_dict, load

from .conftest import SMALL

THINKING = """\
citizen:
  think_time:
    empirical:
      file: data.csv
      column: ms
      unit: ms
"""
"""Lines 10 to 15 of a scenario: the file is named at 13:13, the column at 14:15, the unit at 15:13."""
TRACE = SMALL.replace("arrivals: {rate: 10/s}", "arrivals: {trace: {file: carts.csv, column: at}}")
"""Its trace's file is named in line 2, column 26, its column in column 45."""


def thinking(folder, content, name="data.csv", *sets):
    """Load a scenario whose think time is in a data file."""
    folder.write(name, content)
    return folder.load(SMALL + THINKING.replace("data.csv", name), *sets).scenario.citizen.think_time


def arrivals(folder, content):
    """Load a scenario whose arrivals are in a data file, and return their times."""
    folder.write("carts.csv", content)
    return folder.load(TRACE).trace_s.tolist()


# --- samples --------------------------------------------------------------------------------------------------------


def test_samples_are_read_from_csv_in_their_unit(folder):
    """250, 1500 and 0 ms are 0.25, 1.5 and 0 s; other columns are not looked at."""
    assert thinking(folder, "name,ms\na,250\nb,1500\n,0\n") == Empirical((0.25, 1.5, 0.0))


def test_samples_are_read_from_parquet(folder):
    """Whole numbers and decimals alike."""
    for column in (pa.array([250, 1500]), pa.array([250.0, 1500.0], pa.float32())):
        pq.write_table(pa.table({"ms": column, "other": ["x", "y"]}), folder.path / "data.parquet")
        law = folder.load(SMALL + THINKING.replace("data.csv", "data.parquet")).scenario.citizen.think_time
        assert law == Empirical((0.25, 1.5))


def test_amounts_may_be_samples_too(folder):
    """12.5 and 80 EUR are 1250 and 8000 cents."""
    folder.write("paid.csv", "eur\n12.5\n80\n")
    amount = "cart: {amount: {empirical: {file: paid.csv, column: eur, unit: EUR}}}\n"
    assert folder.load(SMALL + amount).scenario.cart.amount == Empirical((1250.0, 8000.0))


def test_samples_may_lie_in_a_folder_below_and_be_changed_by_an_assignment(folder):
    """`--set` names another column of the same file, and another unit."""
    sets = ("citizen.think_time.column=s", "citizen.think_time.unit=s")
    law = thinking(folder, "ms,s\n250,7\n", "below/data.csv", *sets)
    assert law == Empirical((7.0,))


def test_a_data_file_is_named_relative_to_the_scenario_file_that_names_it(folder):
    """A scenario may extend one in a folder below, which has its data beside it; the outer folder bounds both."""
    folder.write("below/data.csv", "ms\n250\n")
    folder.write("below/base.yaml", SMALL + THINKING)
    folder.write("s.yaml", "extends: below/base.yaml\nname: over\n")
    assert load(folder.path / "s.yaml").scenario.citizen.think_time == Empirical((0.25,))


def test_plain_values_name_files_relative_to_a_folder(folder):
    """`from_dict` is told the folder; what it dumps needs no file."""
    folder.write("data.csv", "ms\n250\n")
    values = dump(folder.load(SMALL).scenario)
    values["citizen"]["think_time"] = {"empirical": {"file": "data.csv", "column": "ms", "unit": "ms"}}
    loaded = from_dict(values, folder=folder.path)
    assert loaded.scenario.citizen.think_time == Empirical((0.25,))
    assert from_dict(dump(loaded.scenario)).scenario == loaded.scenario


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("x\n1\n", "14:15  {}.column  is no column of data.csv  write x"),
        ("Ms,x\n1,2\n", "14:15  {}.column  is no column of data.csv  did you mean Ms?"),
        ("ms,ms\n1,2\n", "14:15  {}.column  is a column that data.csv has twice  give every column its own name"),
        ("ms\n1\nsoon\n", "14:15  {}.column  has values that are no numbers  write numbers only"),
        ("ms\ntrue\nfalse\n", "14:15  {}.column  has values that are no numbers  write numbers only"),
        ("ms\n2024-01-01\n", "14:15  {}.column  has values that are no numbers  write numbers only"),
        ("ms,x\n1,a\n,b\n", "14:15  {}.column  has no finite value in row 2  write one in every row"),
        ("ms\n1\n2\nNaN\n", "14:15  {}.column  has no finite value in row 3  write one in every row"),
        ("ms\n1\ninf\n", "14:15  {}.column  has no finite value in row 2  write one in every row"),
        ("ms\n1\n2\n-3\n", "14:15  {}.column  has a negative value in row 3  write values of zero or more"),
        ("ms\n", "13:13  {}.file  has no rows  give at least one"),
        ("", "13:13  {}.file  names data.csv, which cannot be read: Empty CSV file  give a CSV or Parquet file"),
        ("ms,x\n1\n", "13:13  {}.file  names data.csv, which cannot be read: CSV parse error"),
        (b"m\xe8s\n1\n", "13:13  {}.file  names data.csv, which is not UTF-8  save the file as UTF-8"),
        (b"ms\n\xe8\n", "13:13  {}.file  names data.csv, which is not UTF-8  save the file as UTF-8"),
        ("ms\n1\n".encode("utf-16"), "13:13  {}.file  names data.csv, which is not UTF-8  save the file as UTF-8"),
        (bytes(range(256)), "13:13  {}.file  names data.csv, which cannot be read: "),
    ],
)
def test_what_is_wrong_with_samples_is_said_where_they_are_named(folder, content, problem):
    """The file or the column, whichever must be changed; 30 days are 2,592,000,000 ms."""
    folder.write("data.csv", content)
    (found,) = folder.problems(SMALL + THINKING)
    assert found.startswith("s.yaml:" + problem.format("citizen.think_time.empirical"))


def test_samples_beyond_all_bounds_are_refused_as_any_law_is(folder):
    """30 days are 2,592,000,000 ms; one more is too much, and the law is at fault."""
    folder.write("data.csv", "ms\n2592000001\n")
    (found,) = folder.problems(SMALL + THINKING)
    assert found.startswith("s.yaml:12:5  citizen.think_time  may be over 30 days")


def test_a_unit_that_does_not_fit_is_said_at_the_unit(folder):
    """Think time is no money."""
    folder.write("data.csv", "ms\n1\n")
    (found,) = folder.problems(SMALL + THINKING.replace("unit: ms", "unit: EUR"))
    assert found.startswith("s.yaml:15:13  citizen.think_time.empirical.unit  1 EUR has the unit EUR")


def test_file_column_and_unit_are_all_needed(folder):
    """Nothing is read while one of them is missing or another one is there."""
    for change in (("      unit: ms\n", ""), ("unit: ms", "unit: ms\n      sheet: 2")):
        (found,) = folder.problems(SMALL + THINKING.replace(*change))
        said = "needs file, column and unit  write {file: values.csv, column: name, unit: ms}"
        assert found == f"s.yaml:13:7  citizen.think_time.empirical  {said}"


def test_too_many_samples_are_refused(folder, monkeypatch):
    """100,000 are enough for a law; one more is refused."""
    monkeypatch.setattr(datafiles, "MAX_SAMPLES", 5)
    assert thinking(folder, "ms\n" + "1\n" * 5) == Empirical((0.001,) * 5)
    folder.write("data.csv", "ms\n" + "1\n" * 6)
    (found,) = folder.problems(SMALL + THINKING)
    assert found == "s.yaml:13:13  citizen.think_time.empirical.file  has 6 rows  give at most 5, or quantiles"


def test_the_rows_of_parquet_are_counted_before_they_are_read(folder, monkeypatch):
    """A million equal rows take little room in a file, and much elsewhere."""
    pq.write_table(pa.table({"ms": np.ones(1_000_000)}), folder.path / "data.parquet")
    monkeypatch.setattr(datafiles.pq, "read_table", None)
    (found,) = folder.problems(SMALL + THINKING.replace("data.csv", "data.parquet"))
    assert found.endswith("empirical.file  has 1000000 rows  give at most 100000, or quantiles")


def test_a_trace_has_as_many_rows_as_can_be_kept(folder, monkeypatch):
    """Here five."""
    monkeypatch.setattr(datafiles, "MAX_ARRIVALS", 5)
    assert arrivals(folder, "at\n" + "1\n" * 5) == [1.0] * 5
    folder.write("carts.csv", "at\n" + "1\n" * 6)
    assert folder.problems(TRACE) == ["s.yaml:2:26  arrivals.trace.file  has 6 rows  give at most 5"]


def test_compressed_files_are_read_up_to_the_size_of_any_file(folder, monkeypatch):
    """Here 1,000 bytes: 900 of zeros are read from 30, and 1,100 are not."""
    monkeypatch.setattr(datafiles, "MAX_BYTES", 1000)
    text = SMALL + THINKING.replace("data.csv", "data.csv.gz")
    folder.write("data.csv.gz", gzip.compress(b"ms\n" + b"0\n" * 450))
    assert len(folder.load(text).scenario.citizen.think_time.values) == 450
    folder.write("data.csv.gz", gzip.compress(b"ms\n" + b"0\n" * 550))
    (found,) = folder.problems(text)
    assert found.endswith("empirical.file  names data.csv.gz, which holds over 0.001 MB  give fewer rows")


def test_an_enormous_file_is_not_read(folder):
    """A file of 501 MB, which is a hole and takes no space, is refused by its size."""
    with (folder.path / "data.csv").open("wb") as file:
        file.truncate(501_000_000)
    (found,) = folder.problems(SMALL + THINKING)
    assert found.endswith("names data.csv, which is over 500 MB  give fewer rows")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("gone.csv", "names gone.csv, which is not there  name a file below the scenario's folder"),
        (".", "names ., which is not there  name a file below the scenario's folder"),
        ("../outside.csv", "names ../outside.csv, which lies outside the scenario's folder  move the file there"),
        ("/etc/hostname", "names /etc/hostname, which lies outside the scenario's folder  move the file there"),
        ("link.csv", "names link.csv, which lies outside the scenario's folder  move the file there"),
        ("down/../../outside.csv", "names down/../../outside.csv, which lies outside the scenario's folder"),
        ("round.csv", "names round.csv, which "),
        ('"a\\0b.csv"', "names a\\x00b.csv, which cannot be opened  name a CSV or Parquet file"),
        ("a" * 300, f"names {'a' * 300}, which cannot be opened  name a CSV or Parquet file"),
        ("[a]", "is not the name of a file  name a CSV or Parquet file"),
        ("7", "is not the name of a file  name a CSV or Parquet file"),
    ],
)
def test_only_files_below_the_scenarios_folder_are_read(tmp_path, folder, name, problem):
    """Neither a path nor a link leads out; names that no file can have are refused as well."""
    folder.path = tmp_path / "inside"
    folder.write("down/x", "")
    (tmp_path / "outside.csv").write_text("ms\n1\n", encoding="utf-8")
    os.symlink(tmp_path / "outside.csv", folder.path / "link.csv")
    os.symlink(folder.path / "round.csv", folder.path / "round.csv")
    (found,) = folder.problems(SMALL + THINKING.replace("data.csv", name))
    assert found.startswith(f"s.yaml:13:13  citizen.think_time.empirical.file  {problem}")


def test_a_parquet_file_that_is_none_is_refused(folder):
    """The first bytes are not those of Parquet."""
    folder.write("data.parquet", "ms\n1\n")
    (found,) = folder.problems(SMALL + THINKING.replace("data.csv", "data.parquet"))
    assert "names data.parquet, which cannot be read: " in found


def test_what_is_wrong_with_a_file_is_reported_with_everything_else(folder):
    """A missing file does not hide an unknown key."""
    found = folder.problems(SMALL + THINKING + "cheked: 1\n")
    assert [line.split("  ")[1] for line in found] == ["citizen.think_time.empirical.file", "cheked"]


# --- traces ---------------------------------------------------------------------------------------------------------


def test_a_trace_in_seconds_is_taken_as_it_is(folder):
    """In any order: seconds count from the start of the run."""
    assert arrivals(folder, "at,x\n7.5,a\n3,b\n3,c\n0,d\n") == [7.5, 3.0, 3.0, 0.0]


@pytest.mark.parametrize(
    "stamps",
    [
        ("2024-11-28T11:25:00", "2024-11-28T11:25:01.250", "2024-11-28T11:24:59"),
        ("2024-11-28 11:25:00", "2024-11-28 11:25:01.250", "2024-11-28 11:24:59"),
        ("2024-11-28T11:25:00Z", "2024-11-28T11:25:01.250Z", "2024-11-28T11:24:59Z"),
        ("2024-11-28T11:25:00.123456789", "2024-11-28T11:25:01.373456789", "2024-11-28T11:24:59.123456789"),
        ("2024-11-28T11:25:00.123456789Z", "2024-11-28T11:25:01.373456789Z", "2024-11-28T11:24:59.123456789Z"),
        ("2024-11-28T11:25:00+01:00", "2024-11-28T12:25:01.250+02:00", "2024-11-28T10:24:59Z"),
    ],
)
def test_timestamps_are_counted_from_the_first(folder, stamps):
    """The first of them in time is 11:24:59, whatever its place in the file and its time zone."""
    assert arrivals(folder, "\n".join(["at", *stamps])) == [1.0, 2.25, 0.0]


def test_timestamps_may_come_from_parquet(folder):
    """As a column of timestamps, with and without a time zone."""
    times = np.array(["2024-11-28T11:25:00", "2024-11-28T11:24:59"], dtype="datetime64[ns]")
    for kind in (pa.timestamp("ns"), pa.timestamp("ms", "Europe/Rome")):
        pq.write_table(pa.table({"at": pa.array(times).cast(kind)}), folder.path / "carts.parquet")
        assert folder.load(TRACE.replace(".csv", ".parquet")).trace_s.tolist() == [1.0, 0.0]


def test_days_are_times_too(folder):
    """Midnight of each; the second of January comes 86,400 s after the first, beyond the run's 4,200 s."""
    assert arrivals(folder, "at\n2024-01-01\n2024-01-02\n") == [0.0, 86400.0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("at\n", "2:26  arrivals.trace.file  has no rows  give at least one"),
        (
            "at\nnoon\n",
            "2:45  arrivals.trace.column  has values that are no times  write ISO 8601 timestamps, or seconds",
        ),
        (
            "at\n12:30:00\n",
            "2:45  arrivals.trace.column  has values that are no numbers  "
            "write seconds from the start of the run, or ISO 8601 timestamps",
        ),
        ("at,x\n1,a\n,b\n", "2:45  arrivals.trace.column  has no finite value in row 2  write one in every row"),
        (
            "at,x\n2024-01-01T00:00:00,a\n,b\n",
            "2:45  arrivals.trace.column  has no finite value in row 2  write one in every row",
        ),
        ("at\n1\n-1\n", "2:45  arrivals.trace.column  has a negative value in row 2  write values of zero or more"),
        (
            "at\n4200\n",
            "2:19  arrivals.trace  has no arrivals before the run ends  give at least one row before warm_up + window",
        ),
        ("on\n1\n", "2:45  arrivals.trace.column  is no column of carts.csv  write on"),
    ],
)
def test_what_is_wrong_with_a_trace_is_said_where_it_is_named(folder, content, problem):
    """Arrivals stop 4,200 s after the start: 10 min of warm-up and an hour."""
    folder.write("carts.csv", content)
    assert folder.problems(TRACE) == [f"s.yaml:{problem}"]


def test_a_trace_needs_a_file_and_a_column(folder):
    """The schema says which is missing."""
    assert folder.problems(TRACE.replace(", column: at", "")) == [
        "s.yaml:2:19  arrivals.trace.column  is missing  add column: ..."
    ]
