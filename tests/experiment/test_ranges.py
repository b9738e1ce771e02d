"""Numbers with a range as factors, and places in their unit cube as assignments that load."""

from pathlib import Path

import numpy as np
import pytest
from scenario.conftest import SMALL

from sim.experiment.ranges import assigned, factors, untested
from sim.experiment.span import Span
from sim.scenario.load import ScenarioError, load

BASELINE = Path(__file__).parents[2] / "scenarios" / "baseline.yaml"
NOTED = """\
run:
  window: {value: 1 h, assumed: "usual", range: [30 min, 4 h]}
citizen:
  abandon: {value: 0, range: [0%, 10%]}
  think_time:
    lognormal:
      p50: {value: 60 s, source: "a study", range: [30 s, 3 min]}
      p95: {value: 5 min, assumed: "slow ones", range: [2 min, 9 min]}
  retry:
    max_tries: {value: 3, range: [2, 6]}
    wait: {value: {exponential: {mean: 1 min}}, range: ["short", "long"]}
node: {processing: {workers: {value: 9, range: [1, 100]}}}
links:
  node_ec: {latency: &far {value: 20 ms, assumed: "far", range: [5 ms, 100 ms]}}
  node_psp: {latency: *far}
  checkout_node: {latency: {value: 20 ms, assumed: "far", range: [5 ms, 100 ms]}}
"""


@pytest.fixture
def noted(tmp_path):
    """Load the small scenario with notes, perhaps changed."""

    def loaded(text=SMALL + NOTED):
        (tmp_path / "s.yaml").write_text(text)
        return load(tmp_path / "s.yaml")

    return loaded


def test_numbers_with_a_range_are_factors(noted):
    """With unit and kind of number; by logarithms from a ratio of ten on; what has no order is left out."""
    found = {factor.paths[0]: factor for factor in factors(noted())}
    assert {path: factor.span for path, factor in found.items()} == {
        "run.window": Span(1800, 14400, "s"),
        "citizen.abandon": Span(0, 10, "%"),
        "citizen.think_time.lognormal.p50": Span(30, 180, "s"),
        "citizen.think_time.lognormal.p95": Span(2, 9, "min"),
        "citizen.retry.max_tries": Span(2, 6, whole=True),
        "node.processing.workers": Span(1, 100, whole=True, log=True),
        "links.node_ec.latency": Span(5, 100, "ms", log=True),
        "links.checkout_node.latency": Span(5, 100, "ms", log=True),
    }
    window = found["run.window"]
    assert (window.value, window.low, window.high, window.assumed, window.source) == (
        "1 h", "30 min", "4 h", "usual", None,
    )  # fmt: skip
    assert (window.position.line, window.name) == (11, "run.window")
    assert found["citizen.think_time.lognormal.p50"].source == "a study"


def test_a_number_that_an_alias_uses_again_is_one_factor(noted):
    """It is one assumption, and moves everywhere, unless the factors are to be apart; its name is one asked for."""
    [factor] = factors(noted(), ["links.node_psp.*"])
    assert factor.paths == ("links.node_psp.latency", "links.node_ec.latency")
    assert factor.name == "links.node_psp.latency (and 1 more)"
    [first] = factors(noted(), ["links.node_*"])
    assert first.name == "links.node_ec.latency (and 1 more)"
    assert assigned([factor], [0]) == {"links.node_ec.latency": "5 ms", "links.node_psp.latency": "5 ms"}
    apart = factors(noted(), ["links.*"], tied=False)
    assert [each.paths for each in apart] == [
        ("links.node_ec.latency",), ("links.node_psp.latency",), ("links.checkout_node.latency",),
    ]  # fmt: skip


def test_a_whole_limit_of_a_fraction_leaves_it_a_fraction(noted):
    """The schema knows that an exponent is no count, however it is written, and that a file has no 4.5 workers."""
    group = "  - {name: ec-1, share: 100%, zipf: {value: 1, range: [0, 2]}}"
    [factor] = factors(noted(SMALL.replace("  - {name: ec-1, share: 100%}", group)))
    assert (factor.span, assigned([factor], [0.4])) == (Span(0, 2), {"ecs.ec-1.zipf": "0.8"})
    said = r"s\.yaml:10:38  node\.processing\.workers\.range  4\.5\.\.12 is not a range of whole numbers"
    with pytest.raises(ScenarioError, match=said):
        factors(noted(SMALL + "node: {processing: {workers: {value: 9, range: [4.5, 12]}}}\n"))


def test_a_share_of_everything_has_no_range(noted):
    """psp-a cannot have more unless another has less; the range is said to be wrong where it is written."""
    text = SMALL.replace("share: 60%", "share: {value: 60%, range: [50%, 70%]}")
    said = r"s\.yaml:7:20  psps\.psp-a\.share  is a share of 100% and cannot move alone"
    with pytest.raises(ScenarioError, match=said):
        factors(noted(text))


def test_a_pattern_that_names_nothing_is_refused(noted):
    """A slip in a path would otherwise leave out what was asked for."""
    assert len(factors(noted(), ["run.window", "citizen.*"])) == 5
    with pytest.raises(ScenarioError, match=r"--only psp\.\*  \(file\)  names no number with a range  write a path"):
        factors(noted(), ["run.*", "psp.*"])


def test_what_is_assumed_and_not_tested_is_named(noted):
    """The wait has no order, and everything but the window is left out; p50 has a source."""
    loaded = noted()
    assert [each.path for each in untested(loaded, factors(loaded))] == ["citizen.retry.wait"]
    assert len(untested(loaded, factors(loaded, ["run.*"]))) == 8


@pytest.mark.parametrize(
    ("lower", "higher", "texts"),
    [(0, 0, ("30 s", "2 min")), (1, 0, ("180 s", "181.8 s")), (1, 1, ("180 s", "9 min"))],
)
def test_a_higher_percentile_stays_above_a_lower_one(noted, lower, higher, texts):
    """The ranges overlap: where p50 is 180 s and p95 would be 2 min, it is 1% above p50, and there is a law."""
    both = factors(noted(), ["citizen.think_time.*"])
    given = assigned(both, [lower, higher])
    assert list(given) == ["citizen.think_time.lognormal.p50", "citizen.think_time.lognormal.p95"]
    assert tuple(given.values()) == texts
    law = load(noted().file, [f"{path}={text}" for path, text in given.items()]).scenario.citizen.think_time
    assert law.quantile(0.5) < law.quantile(0.95)


def test_amounts_are_lifted_in_cents(noted):
    """65 EUR at the median and 60 EUR at the third quartile: lifted to 6565 cents."""
    law = "cart: {amount: {lognormal: {p50: {value: 40 EUR, range: [30 EUR, 65 EUR]}, p75: {value: 70 EUR, range: " \
        "[60 EUR, 90 EUR]}}}}\n"
    given = assigned(factors(noted(SMALL + law)), [1, 0])
    assert given == {"cart.amount.lognormal.p50": "65 EUR", "cart.amount.lognormal.p75": "6565 cent"}


# --- the baseline ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0.0, 1.0])
def test_the_corners_of_the_baseline_load_as_its_ranges_say(place):
    """Both ends of every range, some of them by hand: the first and the last values of `range:` in the file."""
    chosen = factors(load(BASELINE))
    given = assigned(chosen, [place] * len(chosen))
    scenario = load(BASELINE, [f"{path}={text}" for path, text in given.items()]).scenario
    psp, group = scenario.psps[3], scenario.ecs[5]
    seen = (
        scenario.arrivals.rate, scenario.run.window, scenario.citizen.retry.max_tries, scenario.checkout.refund.failure,
        scenario.cart.amount.median, psp.workers, psp.psp_notify_payment.ends.ko.probability,
        psp.outcome_delay.quantile(0.98), group.count, group.zipf, group.pa_get_payment.time.quantile(0.5),
    )  # fmt: skip
    low = (0.75, 1800, 2, 0.0, 5000, 2, 0.0001, 1.0, 100, 0.5, 0.1)
    high = (9.0, 14400, 6, 0.1, 7500, 64, 0.01, 3.0, 400, 1.2, 0.6)
    assert seen == pytest.approx(high if place else low)


def test_every_part_of_the_baseline_s_cube_loads():
    """Each corner in which one half of the factors is low and the other high, at random: laws stay laws. Seed 1."""
    chosen = factors(load(BASELINE))
    rng = np.random.default_rng(1)
    for _ in range(4):
        given = assigned(chosen, rng.integers(0, 2, size=len(chosen)).astype(float))
        assert load(BASELINE, [f"{path}={text}" for path, text in given.items()]).scenario.name == "baseline"


def test_the_middle_of_a_range_in_logarithms_is_its_geometric_mean():
    """0.75/s to 9/s: sqrt(6.75) = 2.598/s; 60 s to 300 s is a factor of five and linear: 180 s."""
    chosen = factors(load(BASELINE), ["arrivals.rate", "node.jobs.*"])
    given = assigned(chosen, [0.5, 0.5])
    scenario = load(BASELINE, [f"{path}={text}" for path, text in given.items()]).scenario
    assert scenario.arrivals.rate == pytest.approx(2.598076, rel=1e-6)
    assert scenario.node.jobs.mod3CancelV2 == 180


def test_the_baseline_says_what_it_cannot_test():
    """Shares of 100% have no range: of the market, of the group that is left over, and by size of cart."""
    loaded = load(BASELINE)
    paths = [each.path for each in untested(loaded, factors(loaded)) if not each.path.startswith("slos")]
    assert paths == ["cart.notices", "ecs.others.share", *(f"psps.psp-{letter}.share" for letter in "abcdef")]
