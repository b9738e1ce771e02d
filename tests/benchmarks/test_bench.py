"""The benchmark's own machinery. Nothing here asserts how fast anything is: machines of tests are shared."""

import gc
import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import bench, measure, tricks, without
from benchmarks.limit import PLAIN, Limit
from sim.model import run as running
from sim.model.run import replicate


def printed(*arguments):
    """Run the benchmark as `make bench` does, in its smallest form."""
    command = [sys.executable, "-m", "benchmarks.bench", "--quick", *arguments]
    return subprocess.run(  # noqa: S603
        command, cwd=measure.SCENARIO.parents[1], capture_output=True, text=True, check=True, timeout=300
    ).stdout


def test_the_quick_benchmark_prints_every_figure_of_every_contender_and_the_ratios():
    """One round, so that a figure is one number and a ratio is the quotient of two of them.

    Both engines make the same payments by as many events, as is said of them.
    """
    found = json.loads(printed("--json"))
    assert found["rounds"] == 1
    assert set(found["figures"]) == set(bench.FIGURES)
    for figure in found["figures"].values():
        median = {key: each["median"] for key, each in figure.items()}
        assert median.keys() == {"simulator", "compiled", "idiomatic", "ratio", "ratio_compiled"}
        assert min(median.values()) > 0
        assert median["ratio"] == pytest.approx(median["simulator"] / median["idiomatic"])
        assert median["ratio_compiled"] == pytest.approx(median["compiled"] / median["idiomatic"])
    events = found["figures"]["events_per_payment"]
    assert events["compiled"] == events["simulator"]


def test_the_quick_scale_prints_both_engines():
    """The SimPy engine's sizes are outermost, those of the compiled one under its name: 100 and 1000 payments."""
    found = json.loads(printed("--scale", "--json"))
    for scale in (found, found["compiled"]):
        assert [each["payments"] for each in scale["sizes"]] == [100, 1000]
        assert all(each["cpu_us_per_payment"]["min"] > 0 for each in scale["sizes"])
        assert scale["slope_bytes_per_payment"] > 0


def test_the_table_names_contenders_ratios_and_goals():
    """What a reader of the terminal looks for, and the goals of the design: 10 times, 400 bytes."""
    table = bench.comparison_table(bench.compared([in_round(2.0, 0.5, 20.0)]), 1, 1000)
    header = ["", "simulator", "compiled", "idiomatic SimPy", "simulator ratio", "compiled ratio", "goal"]
    assert [column.header for column in table.columns] == header
    cells = dict(zip(*(list(table.columns[k].cells) for k in (0, 4)), strict=True))
    assert cells["payments per CPU second"] == "10"
    cells = dict(zip(*(list(table.columns[k].cells) for k in (0, 5)), strict=True))
    assert cells["payments per CPU second"] == "40"
    assert list(table.columns[6].cells) == ["ratio >= 10", "", "", "engine <= 400", ""]


def in_round(*cpu_s):
    """Return a round of which each contender took so many CPU seconds."""
    return {model: measured(model=model, cpu_s=each) for model, each in zip(bench.CONTENDERS, cpu_s, strict=True)}


def measured(**changes):
    """Return a measurement in round numbers: 1000 payments in 2 s, 4 events and 300 bytes each."""
    plain = {
        "model": "simulator", "payments": 1000, "events": 4000, "cpu_s": 2.0, "wall_s": 4.0,
        "base_bytes": 1_000_000, "peak_bytes": 1_300_000,
    }  # fmt: skip
    return measure.Measured(**{**plain, **changes})


def test_figures_are_per_payment():
    """1000 payments: 500 per CPU second, 250 per second, 4 events each, 300 bytes beyond 1 MB."""
    found = measured()
    assert [getattr(found, name) for name in bench.FIGURES] == [500.0, 250.0, 4.0, 300.0, 1.0]


def test_figures_of_several_rounds_are_medians_with_least_and_greatest():
    """CPU seconds 1, 2, 8 against 8, 8, 8 for 1000 payments: ratios 8, 4, 1, whose median is 4; 0.5 s are 16 times."""
    found = bench.compared([in_round(cpu_s, 0.5, 8.0) for cpu_s in (1.0, 2.0, 8.0)])["per_cpu_s"]
    assert found["ratio"] == bench.Spread(4.0, 1.0, 8.0)
    assert found["ratio_compiled"] == bench.Spread(16.0, 16.0, 16.0)
    assert found["simulator"] == bench.Spread(500.0, 125.0, 1000.0)
    assert found["compiled"] == bench.Spread(2000.0, 2000.0, 2000.0)
    assert found["idiomatic"] == bench.Spread(125.0, 125.0, 125.0)


@pytest.mark.parametrize(("models", "order"), [("ab", "ab ba ab ba"), ("abc", "abc bca cab abc")])
def test_rounds_rotate_so_that_drift_hits_all(models, order, monkeypatch):
    """Whoever is first in a round is last in the next, and each is found under its name."""
    ran = []

    def noted(model, payments):
        ran.append(model)
        return measured(model=model, payments=payments)

    monkeypatch.setattr(measure, "apart", noted)
    found = measure.in_turn(models, 4, 1000)
    assert ran == list(order.replace(" ", ""))
    assert [set(each) for each in found] == [set(models)] * 4
    assert all(name == run.model for each in found for name, run in each.items())


def test_scales_are_measured_up_and_down(monkeypatch):
    """All runs but the last twice, around it; 4 us are 100% more than 2; 900 kB more for 900 payments are 1000 each.

    The compiled engine, which runs in turn with the other, takes 1 us whatever the size.
    """
    ran = []

    def noted(model, payments):
        ran.append((model, payments))
        each_s = 1e-6 if model == "compiled" else 2e-6 if payments < 1000 else 4e-6
        return measured(payments=payments, cpu_s=payments * each_s, peak_bytes=2_000_000 + payments * 1000)

    monkeypatch.setattr(bench, "apart", noted)
    scales = bench.scaled({10: 2, 100: 1, 1000: 1})
    sizes = [10, 10, 100, 1000, 100, 10, 10]
    assert ran == [(engine, size) for size in sizes for engine in ("simulator", "compiled")]
    assert [each["cpu_us_per_payment"].median for each in scales["compiled"]["sizes"]] == pytest.approx([1.0] * 3)
    found = scales["simulator"]
    assert [each["cpu_us_per_payment"].median for each in found["sizes"]] == pytest.approx([2.0, 2.0, 4.0])
    assert [each["change"] for each in found["sizes"]] == pytest.approx([0.0, 0.0, 1.0])
    assert found["sizes"][-1]["bytes_per_payment"] == pytest.approx((2_000_000 + 1_000_000 - 1_000_000) / 1000)
    assert found["slope_bytes_per_payment"] == pytest.approx(1000)


def test_a_process_of_its_own_measures_about_what_was_asked():
    """A Poisson number of carts with 1.35 notices on average: 500 payments within 5 standard deviations.

    The variance of a compound Poisson sum is the number of carts, 370, times the mean square of their size, 2.61.
    """
    found = measure.apart(measure.SIMULATOR, 500)
    assert abs(found.payments - 500) < 5 * (370 * 2.61) ** 0.5
    assert found.peak_bytes >= found.base_bytes > 10_000_000
    assert found.events > found.payments


@pytest.mark.parametrize("option", [("--rounds", "0"), ("--pairs", "0"), ("--payments", "0")])
def test_nothing_to_measure_is_a_usage_error(option, capsys):
    """Exit code 2, and a message instead of a division by zero."""
    with pytest.raises(SystemExit) as stopped:
        bench.main(option)
    assert stopped.value.code == 2
    assert "at least one round" in capsys.readouterr().err


def test_what_is_measured_of_the_engines_are_the_same_payments_by_the_same_events():
    """Both leave the same records, so that only what they cost is compared."""
    loaded = measure.world(1000)
    assert measure.MODELS[measure.COMPILED](loaded) == measure.MODELS[measure.SIMULATOR](loaded)


# --- tricks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "collects"),
    [(measure.SIMULATOR, False), (measure.COLLECTED, True), (measure.IDIOMATIC, True), (measure.UNCOLLECTED, False)],
)
def test_the_collector_is_on_or_off_as_a_model_says(model, collects, monkeypatch):
    """Asked as the world is built, within the run; afterwards the collector is on again."""
    seen = []

    def noting(function):
        def noted(*arguments, **options):
            seen.append(gc.isenabled())
            return function(*arguments, **options)

        return noted

    monkeypatch.setattr(running, "assemble", noting(running.assemble))
    monkeypatch.setattr(measure, "Model", noting(measure.Model))
    measure.MODELS[model](measure.world(100))
    assert seen == [collects]
    assert gc.isenabled()


def test_answers_entered_ahead_change_no_record():
    """The same payments, carts and counts come out, byte for byte, and more than two events a payment are saved.

    Two groups of ECs have unlimited workers: 70% of payments spare the arrival of two calls, and all spare two answers.
    """
    loaded = measure.world(2000)
    ours, waiting = replicate(loaded, 0), without.entering_ahead(lambda world: replicate(world, 0))(loaded)
    for table in ("payments", "carts", "primitives"):
        for name, values in ours.tables[table].items():
            assert np.array_equal(values, waiting.tables[table][name], equal_nan=values.dtype.kind == "f"), name
    assert waiting.events > ours.events + 2 * len(ours.tables["payments"]["cart"])


def test_the_limit_pays_plain_carts_at_the_same_moments():
    """All carts of one notice, all calls answered: every column of the payments is the same, byte for byte."""
    loaded = measure.world(1000, PLAIN)
    ours, limit = replicate(loaded, 0).tables["payments"], Limit(loaded).run()
    assert len(ours["cart"]) > 800
    for name, values in ours.items():
        assert np.array_equal(values, limit[name], equal_nan=values.dtype.kind == "f"), name


def test_every_trick_is_measured(monkeypatch):
    """The small tasks run to their end; a packed record takes less memory than a dict, by the size of its objects.

    A row of `payments` has 29 columns of at most 8 bytes; a dict of 29 keys alone has more than 29 x 24 bytes.
    """
    monkeypatch.setattr(tricks, "RUNS", 1)
    monkeypatch.setattr(tricks, "CALLS", 2000)
    found = {each.task: each for each in tricks.gains(0, 0)}
    assert len(found) == 6
    assert all(each.with_it > 0 and each.without_it > 0 for each in found.values())
    record = found["a payment's record, kept"]
    assert record.with_it < 29 * 8
    assert record.without_it > 29 * 24
