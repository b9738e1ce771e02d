"""Which engine computes a replication, and what is said where it is not there; that both give the same is elsewhere."""

import pytest

from sim.experiment import engines
from sim.experiment.extras import MissingExtraError
from sim.scenario.load import load


def loaded(engine):
    return load("scenarios/baseline.yaml", [f"run.engine={engine}", "run.warm_up=0 s", "run.window=1 s"])


def unheard(now_s, payments):
    """Take what a replication says of itself."""


def test_what_only_the_simpy_model_gives_is_computed_by_it_whatever_the_scenario_says():
    """Calls, changes of status and snapshots."""
    assert engines.compiles(loaded("compiled"), (), live=False)
    assert not engines.compiles(loaded("compiled"), ("calls",), live=False)
    assert not engines.compiles(loaded("compiled"), (), live=True)
    assert not engines.compiles(loaded("simpy"), (), live=False)


def test_a_worker_without_numba_says_what_to_install(monkeypatch):
    """The scenario was checked where it was read, which may be another machine."""
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'install it there: pip install "pagopa-sim\[compiled\]"'):
        engines.carry_out(loaded("compiled"), 0, (), unheard, None)
    assert len(engines.carry_out(loaded("simpy"), 0, (), unheard, None).tables["carts"]["cart"]) > 0
