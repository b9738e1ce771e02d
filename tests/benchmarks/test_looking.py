"""What somebody who looks waits for. Nothing here asserts how long that is: machines of tests are shared."""

import json
import subprocess
import sys

import pytest

from benchmarks import looking
from benchmarks.bench import Spread
from benchmarks.commands import Command, command


def test_a_command_takes_its_time_and_its_processor():
    """One that sleeps for a third of a second takes longer than that, and of the processor only what is beside it."""
    took = command([sys.executable, "-c", "import time; time.sleep(1 / 3)"])
    assert took.wall_s >= 1 / 3
    assert 0 < took.cpu_s <= took.wall_s - 1 / 3 + 0.1


def test_a_command_that_fails_is_not_measured():
    """What went wrong takes no time that anybody wants to know."""
    with pytest.raises(subprocess.CalledProcessError):
        command([sys.executable, "-c", "raise SystemExit(2)"])


def test_each_is_typed_in_turn_and_the_first_time_is_not_counted(monkeypatch):
    """Two commands, three times after a first one: medians of 1, 2 and 3 s, and not of the 9 s of the first."""
    wall_s = iter([9.0, 9.0, 1.0, 10.0, 2.0, 20.0, 3.0, 30.0])
    typed = []
    monkeypatch.setattr(looking, "command", lambda words: typed.append(words) or Command(next(wall_s), 0.5))
    found = looking.waited({"a": ["one"], "b": ["two"]}, 3)
    assert typed == [["one"], ["two"]] * 4
    assert (found["a"]["wall_s"], found["b"]["wall_s"]) == (Spread(2.0, 1.0, 3.0), Spread(20.0, 10.0, 30.0))
    assert found["a"]["cpu_s"] == Spread(0.5, 0.5, 0.5)


def test_the_quick_measurement_looks_at_everything(capsys):
    """Everything is made, typed and ends well; the goals are those that the project asks for."""
    looking.main(["--quick", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["payments"] == 1_000
    assert set(found["seconds"]) == set(looking.GOALS_S)
    assert all(took["wall_s"]["median"] > 0 for took in found["seconds"].values())
    assert sorted(looking.GOALS_S.values()) == [0.3, 0.3, 2.0, 10.0]
