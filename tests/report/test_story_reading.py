"""Reading a stored run a few rows at a time, and choosing the payment that is worth a look."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.analysis.document import MANIFEST_OF_SWEEP
from sim.reader import Recorded
from sim.records import EXPIRY_CAUSES
from sim.report.stories.picking import Pick, pick
from sim.store import StoreError

from .story_world import odd, stored

TABLES = ("payments", "carts", "calls", "states")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return two replications of the world in which everything goes wrong."""
    return odd(tmp_path_factory.mktemp("odd"), "run.replications=2", "run.window=1 min")


@pytest.fixture
def grouped(run, tmp_path):
    """Return a copy of its folder whose tables have row groups of a hundred rows."""
    (tmp_path / "manifest.json").write_text((run.folder / "manifest.json").read_text())
    for name in TABLES:
        pq.write_table(pq.read_table(run.folder / f"{name}.parquet"), tmp_path / f"{name}.parquet", row_group_size=100)
    return tmp_path


def plain(frame):
    """Return the rows of a data frame as plain values, None for a moment that never came."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


@pytest.mark.parametrize("name", TABLES)
def test_the_rows_of_a_cart_are_those_of_the_whole_table(run, name):
    """For the first, the last and some other carts of both replications, in the same order, with names for codes."""
    table, recorded = run.table(name), Recorded(run.folder)
    for replication in (0, 1):
        last = recorded.last_cart(replication)
        for cart in (0, 1, last // 2, last, last + 1):
            chosen = table[(table["replication"] == replication) & (table["cart"] == cart)]
            assert recorded.rows(name, replication, cart) == plain(chosen)


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_those_of_the_whole_table(run, name):
    """All columns of one replication, categories as codes into their names."""
    table, recorded = run.table(name), Recorded(run.folder)
    assert recorded.columns(name, 1).plain() == plain(table[table["replication"] == 1])
    assert set(recorded.columns(name, 1, ["cart"]).values) == {"cart"}


@pytest.mark.parametrize("name", TABLES)
def test_of_many_row_groups_only_those_of_the_cart_are_read(run, grouped, name, monkeypatch):
    """A cart in the middle has its rows in one row group or two, and the statistics say in which."""
    read = []
    whole = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_groups", lambda file, groups, *more: read.append(groups) or whole(file, groups, *more)
    )
    recorded = Recorded(grouped)
    assert pq.ParquetFile(grouped / f"{name}.parquet").num_row_groups >= 4
    cart = Recorded(run.folder).last_cart(1) // 2
    read.clear()
    assert recorded.rows(name, 1, cart) == Recorded(run.folder).rows(name, 1, cart) != []
    assert 1 <= len(read[0]) <= 2


def test_a_run_without_what_a_story_needs_names_the_command_that_records_it(tmp_path):
    """The same file with the same assignments and replications, once more; a run of values has no file to name."""
    folder = stored(tmp_path, record=("calls",)).folder
    with pytest.raises(StoreError, match="has no states; run it again with --record calls,states"):
        Recorded(folder)
    assert Recorded(folder, ("calls",)).replications == (0,)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"file": "my scenarios/a.yaml", "sets": ["citizen.cancel=10%", "run.seed=7"], "seed": 7}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    command = "pagopa-sim run 'my scenarios/a.yaml' --replications 1 --seed 7 --set citizen.cancel=10%"
    with pytest.raises(StoreError, match=f"has no states; run it again as {command} --record calls,states"):
        Recorded(folder)


def test_what_is_no_run_is_refused(tmp_path):
    """An empty folder, and the folder of a sweep, which has a table of points."""
    with pytest.raises(StoreError, match="give the folder of a run"):
        Recorded(tmp_path)
    (tmp_path / "points.parquet").touch()
    (tmp_path / "manifest.json").write_text(
        json.dumps({**dict.fromkeys(MANIFEST_OF_SWEEP), "scenario": {"name": "swept"}})
    )
    with pytest.raises(StoreError, match="is not the folder of a run; give results/SCENARIO/RUN"):
        Recorded(tmp_path)


def test_a_table_that_is_broken_is_refused_by_name(tmp_path):
    """Not a traceback of the Parquet library."""
    folder = stored(tmp_path).folder
    (folder / "calls.parquet").write_text("no table")
    with pytest.raises(StoreError, match=r"calls\.parquet: is not a table of a run"):
        Recorded(folder).rows("calls", 0, 0)


def test_a_table_of_another_version_is_refused_with_the_command_that_records_it_anew(tmp_path):
    """Its calls lack a column: whoever reads all of them, or this one, is told; other columns can be read."""
    folder = stored(tmp_path).folder
    pq.write_table(pq.read_table(folder / "calls.parquet").drop_columns(["asked_s"]), folder / "calls.parquet")
    said = r"calls\.parquet: has no asked_s, since another version recorded it; run it again with --record calls,states"
    for wanted in (None, ["cart", "asked_s"]):
        with pytest.raises(StoreError, match=said):
            Recorded(folder).columns("calls", 0, wanted)
    assert len(Recorded(folder).columns("calls", 0, ["cart"])) > 0


def row(run, which):
    """Return a payment's row of the whole table."""
    table = run.payments
    chosen = (table["replication"] == which.replication) & (table["cart"] == which.cart)
    chosen &= (table["attempt"] == which.attempt) & (table["notice"] == which.notice)
    (found,) = table[chosen].to_dict("records")
    return found


def test_the_slowest_is_the_paid_payment_that_took_longest_without_the_citizens_own_time(run):
    """Over both replications: from the request to the token, and from the authorisation to PAID."""
    payments = run.payments
    took = payments["issued_s"] - payments["requested_s"] + payments["paid_s"] - payments["authorised_s"]
    found = row(run, pick(Recorded(run.folder), Pick.SLOWEST))
    assert found["issued_s"] - found["requested_s"] + found["paid_s"] - found["authorised_s"] == took.max()


def test_an_expired_payment_is_one_whose_money_was_taken_if_there_is_one(run, tmp_path):
    """Otherwise any token that the sweep cancelled, as where every citizen leaves."""
    found = row(run, pick(Recorded(run.folder), Pick.EXPIRED))
    assert found["cancel_cause"] in EXPIRY_CAUSES
    assert found["authorised_s"] > 0
    left = stored(tmp_path, "citizen.abandon=100%")
    assert row(left, pick(Recorded(left.folder), Pick.EXPIRED))["cancel_cause"] == "abandoned"


def test_a_reversed_payment_is_the_first_that_was_to_be_given_back(run):
    """Of the first replication that has one, in order of carts."""
    reversals = run.reversals
    first = reversals[reversals["replication"] == reversals["replication"].min()].iloc[0]
    found = pick(Recorded(run.folder), Pick.REVERSED)
    assert found == (first["replication"], first["cart"], first["attempt"], first["notice"])


def test_a_discordant_payment_had_an_outcome_refused_in_time_or_after_the_psps_ko(run):
    """R8 or R10, neither a late outcome nor a repeated one: the call is there, with its fault."""
    which = pick(Recorded(run.folder), Pick.DISCORDANT)
    found = row(run, which)
    assert np.isnan(found["paid_s"])
    assert found["notify_answer"] == "ko" or not found["outcome_s"] > found["cancelled_s"]
    calls = Recorded(run.folder).rows("calls", which.replication, which.cart)
    faults = {each["fault"] for each in calls if each["primitive"] == "sendPaymentOutcomeV2"}
    assert faults & {"PPT_SEMANTICA", "PPT_TOKEN_SCADUTO"}


def test_late_outcomes_are_not_discordant(tmp_path):
    """An outcome after the sweep is refused by R13; there is nothing to pick."""
    run = Recorded(stored(tmp_path, "psps.psp.outcome_delay=2938 s").folder)
    with pytest.raises(StoreError, match=r"no outcome was discordant; a PSP sends such ones with psps\.NAME\."):
        pick(run, Pick.DISCORDANT)
    assert pick(run, Pick.EXPIRED) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (Pick.SLOWEST, "no payment was paid"),
        (Pick.EXPIRED, "no token expired"),
        (Pick.REVERSED, "no payment was to be given back"),
    ],
)
def test_where_there_is_nothing_to_pick_that_is_said(tmp_path, how, said):
    """Every citizen cancels: nothing is paid, expires or is given back."""
    run = Recorded(stored(tmp_path, "citizen.cancel=100%").folder)
    with pytest.raises(StoreError, match=said):
        pick(run, how)


def test_payments_of_the_cohort_come_before_those_of_the_warm_up(tmp_path):
    """Both of two carts expire; the one that arrives in the measured window is taken, though it is the second."""
    run = stored(
        tmp_path,
        "citizen.abandon=100%",
        run={"warm_up": "100 s", "window": "100 s"},
    )
    assert len(run.payments) == 2
    assert pick(Recorded(run.folder), Pick.EXPIRED) == (0, 1, 0, 0)
