"""How the compiled engine is chosen, what it refuses, and that nobody sees by its results that it was chosen."""

import re
import shutil
from pathlib import Path

import pytest
from determinism.test_repeatable import RANDOM
from model.worlds import run, world
from numba import typeof

import sim
from compiled.same import different
from sim.compiled import codes, engine, jit, tables
from sim.compiled.memory import Arrays, nothing
from sim.experiment.engines import carry_out
from sim.model.run import RunError, replicate
from sim.protocol import ledger
from sim.protocol.statuses import PAYMENT_TRANSITIONS, PaymentStatus
from sim.scenario import crosscheck
from sim.scenario.load import ScenarioError, load

COMPILED = "run.engine=compiled"


# --- what is broken --------------------------------------------------------------------------------------------------


def test_a_status_that_moves_where_it_may_not_stops_the_run(monkeypatch):
    """`RunError` names cart, time, seed and replication; the time is that of the SimPy model, broken alike."""
    moves = codes.PAYMENT_MOVES.copy()
    moves[codes.SENT, codes.ACCEPTED] = False
    monkeypatch.setattr(codes, "PAYMENT_MOVES", moves)
    monkeypatch.setattr(ledger, "PAYMENT_TRANSITIONS", {**PAYMENT_TRANSITIONS, PaymentStatus.PAYMENT_SENT: ()})
    loaded = world("run.seed=7", "arrivals.rate=0.03/s")
    said = []
    for run_by in (replicate, engine.replicate):
        with pytest.raises(RunError) as caught:
            run_by(loaded, 3)
        said.append(str(caught.value))
    wanted, found = said
    (at_s,) = re.findall(r"at (\d+\.\d{6}) s: ", wanted)
    assert wanted.startswith(f"payment 0.0.0 at {at_s} s: token 1 cannot go from PAYMENT_SENT to PAYMENT_ACCEPTED")
    assert found == (
        f"payment of cart 0 at {at_s} s: a status moved where the tables do not allow it; seed 7, replication 3"
    )


def test_records_that_break_an_invariant_stop_the_run(monkeypatch):
    """The finished columns are checked as those of the SimPy model are: here money is in no place."""
    monkeypatch.setattr(tables, "_places", lambda rows, _: rows["cart"] * 0)
    with pytest.raises(RunError) as caught:
        engine.replicate(world("run.seed=7"), 3)
    said = "authorised money is in no place, or money was never taken"
    assert str(caught.value) == f"payment 0.0.0 at 50.000000 s: {said}; seed 7, replication 3"


def test_without_numba_the_scenario_is_refused_where_it_asks_for_it(monkeypatch, tmp_path):
    """In the file's line and column, with what to install or to write; the SimPy model needs nothing."""
    monkeypatch.setattr(crosscheck, "find_spec", lambda name: None if name == "numba" else name)
    file = tmp_path / "s.yaml"
    lines = "name: small", "arrivals: {rate: 1/s}", "run: {engine: compiled}", "ecs: [{name: e, share: 1}]"
    file.write_text("\n".join([*lines, "psps: [{name: p, share: 1}]"]))
    with pytest.raises(ScenarioError) as caught:
        load(file)
    fix = 'install it with: pip install "pagopa-sim[compiled]", or write simpy'
    assert str(caught.value) == f"{file}:3:15  run.engine  compiled needs Numba, which is not installed  {fix}"
    assert load(file, ["run.engine=simpy"]).scenario.run.engine == "simpy"


# --- what is the same ------------------------------------------------------------------------------------------------


def test_calls_and_changes_of_status_are_those_of_the_simpy_model():
    """Whoever asks for `calls` or `states` gets every table as if nobody had asked for the machine."""
    wanted = run("run.seed=7")
    found = carry_out(world("run.seed=7", COMPILED), 0, ("calls", "states"), lambda *_: None, None)
    assert {"calls", "states"} < found.tables.keys() == wanted.tables.keys()
    assert different(found.tables, wanted.tables) == []


def test_snapshots_are_those_of_the_simpy_model():
    """Whoever looks on gets every snapshot as if nobody had asked for the machine, and the same records."""
    wanted, found = [], []
    by_model = replicate(world(), 0, live=lambda lookout: wanted.append(repr(lookout.snapshot())))
    looked = carry_out(world(COMPILED), 0, (), lambda *_: None, lambda lookout: found.append(repr(lookout.snapshot())))
    assert len(wanted) > 2
    assert found == wanted
    assert different(looked.tables, by_model.tables) == []


def test_progress_is_told_as_by_the_simpy_model():
    """After every sweep of the simulated Node: when it was, and how many payments are over."""
    told = {}
    for name in ("simpy", "compiled"):
        told[name] = []
        loaded = world("arrivals.rate=1/s", f"run.engine={name}")
        carry_out(loaded, 0, (), lambda now_s, payments, name=name: told[name].append((now_s, payments)), None)
    assert len(told["simpy"]) > 2
    assert told["compiled"] == told["simpy"]


def test_a_run_is_the_same_by_either_engine_and_by_any_number_of_processes(tmp_path):
    """Figures, and every stored table byte for byte."""
    runs = {}
    for name, jobs in (("simpy", 1), ("compiled", 1), ("compiled", 2)):
        folder = tmp_path / f"{name} {jobs}"
        ran = sim.run(RANDOM, sets=[f"run.engine={name}"], jobs=jobs, out=folder)
        kept = {file.name: file.read_bytes() for file in folder.rglob("*.parquet")}
        runs[name, jobs] = ran.summary.to_json(), kept
    wanted = runs["simpy", 1]
    assert {"payments.parquet", "carts.parquet", "stations.parquet", "primitives.parquet"} <= wanted[1].keys()
    assert runs["compiled", 1] == wanted
    assert runs["compiled", 2] == wanted


def test_what_one_engine_has_finished_the_other_does_not_compute_again(monkeypatch, tmp_path):
    """The shelf does not ask who computed a point: the second sweep simulates nothing, and says the same."""
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: small\nrun: {warm_up: 0 s, window: 20 s, seed: 3}\narrivals: {rate: 4/s}\n"
        "ecs: [{name: e, share: 1}]\npsps: [{name: p, share: 1, pspNotifyPaymentV2: {ends: {ko: 20%}}}]\n"
    )
    given = {"vary": {"psps.p.workers": "1,2"}, "replications": 2, "out": tmp_path / "results"}

    def nobody(*_args, **_more):
        raise AssertionError("a replication was computed again")

    first = sim.sweep(file, sets=[COMPILED], **given)
    monkeypatch.setattr("sim.experiment.engines.replicate", nobody)
    monkeypatch.setattr(engine, "replicate", nobody)
    assert sim.sweep(file, sets=["run.engine=simpy"], **given).points.equals(first.points)
    assert len(first.points) == 2


# --- what is compiled anew -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["compiled/pools.py", "kernel/pool.py", "model/run.py", "protocol/statuses.py", "records.py"]
)
def test_a_change_of_any_source_of_the_machine_changes_its_digest(name, monkeypatch, tmp_path):
    """Which the type of a `Memory` is named after, so that nothing is used that was compiled from something else."""
    copied = tmp_path / "sim"
    shutil.copytree(Path(sim.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    as_it_is = jit.sources()
    monkeypatch.setattr(jit, "_SIM", copied)
    assert jit.sources() == as_it_is
    (copied / name).write_text((copied / name).read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    assert jit.sources() != as_it_is


def test_what_is_compiled_is_of_the_sources_as_they_are():
    """Both the type that the machine is compiled for and those that its pointer is made of bear the digest.

    What Numba kept of other sources is then found by neither: the types of arrays alone would be the same.
    """
    assert typeof(Arrays(nothing()).given).name == f"Memory{jit.sources()}"
    assert jit.sources() in str(nothing().state.dtype)
