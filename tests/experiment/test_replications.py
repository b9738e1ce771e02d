"""Replications: each computed once, taken from the shelf where it is there, none kept longer than it is needed."""

import sqlite3
from contextlib import closing

import pytest

from experiment.tiny import Watched, tiny
from sim.analysis.packing import pack
from sim.experiment.executors import crew
from sim.experiment.manifest import fingerprint
from sim.experiment.replications import Laboratory, Task, names_of, objectives, quantiles_of
from sim.scenario.load import Source
from sim.shelf import FILE, shelf
from sim.store import StoreError


@pytest.fixture
def source(tmp_path):
    """Return the tiny scenario, read."""
    return Source(tiny(tmp_path))


@pytest.fixture
def loaded(source):
    """Return the tiny scenario."""
    return source.load()


def ask(laboratory, *tasks):
    """Return tallies by key and number."""
    return {(key, tally.replication): tally for key, tally in laboratory.tallies(tasks)}


def test_what_the_shelf_gives_is_what_was_computed(tmp_path, loaded):
    """To the last bit, for whoever asks next; and it is not computed again."""
    tasks = [Task("here", loaded, number) for number in range(3)]
    with shelf(tmp_path) as kept:
        first = ask(Laboratory(Watched(), kept), *tasks)
    with shelf(tmp_path) as kept:
        second = ask(laboratory := Laboratory(Watched(at_most=0), kept), *tasks)
    assert laboratory.computed == 0
    assert {key: pack(tally) for key, tally in first.items()} == {key: pack(tally) for key, tally in second.items()}
    assert sorted(first) == [("here", 0), ("here", 1), ("here", 2)]


def test_scenarios_that_simulate_the_same_share_their_replications(tmp_path, source):
    """Whatever they are called, whatever is asked of them, and however a value is written."""
    alike = source.load(["name=other", "title=Other", "slos=[]", "run.replications=9", "arrivals.rate=240/min"])
    with shelf(tmp_path) as kept:
        ask(laboratory := Laboratory(Watched(), kept), Task("one", source.load(), 0), Task("other", source.load(), 1))
        ask(laboratory, Task("alike", alike, 0), Task("alike", alike, 1))
        assert laboratory.computed == 2
        ask(laboratory, Task("seed", source.load(["run.seed=8"]), 0))
        assert laboratory.computed == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_are_drawn_as_they_are_needed_also_when_all_is_on_the_shelf(tmp_path, loaded, jobs):
    """Of a thousand tasks whose replication is known, five results take no more than those and two for each job."""
    drawn = []

    def endless():
        for number in range(1000):
            drawn.append(number)
            yield Task(number, loaded, 0)

    with shelf(tmp_path) as kept, crew(jobs) as workers:
        ask(Laboratory(workers, kept), Task("", loaded, 0))
        laboratory = Laboratory(workers, kept)
        results = laboratory.tallies(endless())
        assert [next(results)[1].replication for _ in range(5)] == [0] * 5
        assert len(drawn) <= 5 + 2 * jobs
        assert len(list(results)) == 995
        assert laboratory.computed == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_known_and_what_is_not_may_be_mixed(tmp_path, source, jobs):
    """Every second replication is on the shelf; each task gets its own, once."""
    one, other = source.load(), source.load(["arrivals.rate=3/s"])
    with shelf(tmp_path) as kept, crew(jobs) as workers:
        before = ask(Laboratory(workers, kept), *(Task("one", one, number) for number in range(0, 8, 2)))
        tasks = [Task(each.scenario.arrivals.rate, each, number) for number in range(8) for each in (one, other)]
        laboratory = Laboratory(workers, kept)
        found = list(laboratory.tallies(tasks))
    assert sorted((key, tally.replication) for key, tally in found) == sorted((t.key, t.number) for t in tasks)
    assert laboratory.computed == 16 - 4
    for key, tally in found:
        if key == 4.0 and tally.replication % 2 == 0:
            assert pack(tally) == pack(before["one", tally.replication])


def test_without_a_shelf_everything_is_computed(loaded):
    """Twice, if it is asked for twice."""
    laboratory = Laboratory(Watched())
    ask(laboratory, Task("a", loaded, 0))
    ask(laboratory, Task("a", loaded, 0))
    assert laboratory.computed == 2


def test_a_damaged_replication_is_said_with_what_to_do(tmp_path, loaded):
    """And is not taken for bad input or for one that is missing."""
    with shelf(tmp_path) as kept:
        kept.put_replication(fingerprint(loaded), 0, b"nonsense")
        with pytest.raises(StoreError, match=r"finished\.sqlite: is damaged \(not a tally .*\); delete it: what was"):
            ask(Laboratory(Watched(), kept), Task("", loaded, 0))


def test_quantiles_of_objectives_are_found_in_what_is_kept(tmp_path, loaded):
    """A tally with the 90th percentile of the tiny scenario's fourth objective; without a shelf it is the same."""
    (wanted,) = quantiles_of(objectives(loaded))
    assert wanted == ("user_wait", 90.0, "", "")
    task = Task("", loaded, 0, (wanted,))
    with shelf(tmp_path) as kept:
        ask(laboratory := Laboratory(Watched(), kept), Task("", loaded, 0))
        (with_it,) = ask(laboratory, task).values()
    (alone,) = ask(Laboratory(Watched()), task).values()
    assert with_it.quantiles[wanted] == alone.quantiles[wanted] > 0
    with closing(sqlite3.connect(tmp_path / FILE)) as raw:
        assert raw.execute("SELECT count(*) FROM replications").fetchone() == (1,)


def test_objectives_may_name_what_is_in_the_scenario(loaded):
    """PSPs and EC groups."""
    assert names_of(loaded) == {"psp": ("psp-a", "psp-b"), "ec_group": ("ec",)}
