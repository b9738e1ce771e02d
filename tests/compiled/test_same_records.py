"""The compiled engine leaves what the SimPy model leaves, to the last bit: scenarios of every kind are run by both.

Examples are derandomised, so that the suite says the same thing every time. To look further, raise `EXAMPLES`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties.scenarios import CITIZEN, LONG_DELAY, SHARE, incidents, loaded, of, scenarios, sections

from compiled.same import same_records
from compiled.worlds import WORLDS
from sim.scenario.load import from_dict, load

EXAMPLES = 60
few = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

MANY = of(
    {"process": "poisson", "rate": "5/s"},
    {"process": "constant", "rate": "2/s"},
    {"trace": {"file": "at_once.csv", "column": "seconds"}},
)
STUBBORN = sections(
    think_time=LONG_DELAY,
    abandon=SHARE,
    cancel=SHARE,
    retry=sections(probability=of(0.5, 1.0), max_tries=of(2, 4, 9), wait=LONG_DELAY),
)
SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@few
@given(values=scenarios())
def test_random_scenarios_of_every_feature_leave_the_same(values, folder):
    """A dozen or so of carts, in a world where anything can go wrong."""
    same_records(loaded(values, folder))


@few
@given(values=scenarios(arrivals=MANY, citizen=CITIZEN | STUBBORN, incidents=st.lists(incidents(), max_size=8)))
def test_random_scenarios_of_many_carts_leave_the_same(values, folder):
    """Hundreds of carts, also at one moment, of citizens who come back more often, in a world of many incidents."""
    same_records(loaded(values, folder))


@pytest.mark.parametrize("name", WORLDS)
def test_what_random_scenarios_do_not_reach_leaves_the_same(name, folder):
    """Each world reaches what it is there for, in the SimPy model's records."""
    values, reaches = WORLDS[name]
    assert reaches(same_records(from_dict(values, folder=folder)).tables)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
@pytest.mark.parametrize("replication", [0, 7])
def test_shipped_scenarios_leave_the_same(file, replication):
    """Seven minutes of each, with incidents brought forward to where they are seen."""
    short = load(file, ["run.warm_up=60 s", "run.window=6 min"])
    early = [f"incidents.{number}.at=2 min" for number, each in enumerate(short.scenario.incidents) if each.at]
    same_records(load(file, [*short.sets, *early]), replication)


SCRIPT = """
import sys
from hypothesis import HealthCheck, given, seed, settings
from numba import config
from sim.compiled.engine import compile_machine
from compiled.same import same_records
from properties.scenarios import loaded, scenarios

seen = []

@seed(20)
@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(values=scenarios())
def compare(values):
    seen.append(len(same_records(loaded(values, sys.argv[1])).tables["carts"]["cart"]))

compile_machine()
compare()
print(config.DISABLE_JIT, sum(seen) > 20)
"""


def test_the_machine_is_plain_python_too(folder):
    """With `NUMBA_DISABLE_JIT=1` nothing is compiled, also when that is asked for, and what is left is the same."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    printed = subprocess.run(  # noqa: S603 - the command is this interpreter and the script above
        [sys.executable, "-c", SCRIPT, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert printed.stdout.split() == ["1", "True"], printed.stderr
