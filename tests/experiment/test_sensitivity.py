"""Sensitivity of a world whose answer is known: who abandons lets a token expire, and nothing else does."""

import json
import re

import pytest
from typer.testing import CliRunner

import sim
from sim.cli import experiments, studies  # noqa: F401 - they add their commands
from sim.cli.commands import app
from sim.experiment.executors import Alone
from sim.experiment.replications import Laboratory
from sim.experiment.sensitivity import sensitivity
from sim.scenario.load import ScenarioError, Source

WORLD = """
name: world
run: {warm_up: 0 s, window: 100 s, replications: 2, seed: 3}
arrivals: {process: constant, rate: 10/s}
citizen:
  abandon: {value: 5%, assumed: nobody knows, range: [0%, 10%]}
checkout:
  authorisation: {denied: {value: 1%, assumed: nobody knows, range: [0%, 2%]}}
  refund: {failure: {value: 1%, source: somewhere, range: [0%, 2%]}}
ecs: [{name: ec, share: 100%, paGetPayment: {time: 100 ms}, paSendRT: {time: 100 ms}}]
psps: [{name: psp, share: 100%, pspNotifyPaymentV2: {time: 100 ms}, outcome_delay: 100 ms}]
slos: ["token_expiry_rate < 8%"]
"""


@pytest.fixture
def world(tmp_path):
    """Write the world as a file."""
    file = tmp_path / "world.yaml"
    file.write_text(WORLD)
    return file


def test_a_number_moves_the_answer_by_its_range_and_others_not_at_all(world):
    """The expiry rate is the share that abandons: over its range it moves by 10%, others move it by nothing.

    Each point has 2 x 1,000 carts of the same citizens, so that a difference of 2/3 of the range, 6.67%, has a standard
    error of sqrt(0.0667 / 2000) = 0.56%, or 0.84% when stretched over the range; all steps share those citizens, so
    that the mean over them is hardly better. 10% +- 3 standard errors: a false alarm in 370. As it stands 5% expire,
    3% from the limit, so the weight is about 3.3 and the verdict may turn. The number with a source is no assumption.
    """
    found = sensitivity(Source(world), Laboratory(Alone()), size=4, replications=2)
    effects = {each.factor.name: each for each in found.effects if each.output == "token_expiry_rate < 8%"}
    assert effects["citizen.abandon"].mu_star.mean == pytest.approx(0.10, abs=0.025)
    assert effects["checkout.authorisation.denied"].mu_star.mean == 0.0
    assert effects["checkout.refund.failure"].mu_star.mean == 0.0
    assert [row.factor.name for row in found.ledger] == ["citizen.abandon", "checkout.authorisation.denied"]
    assert found.ledger[0].turns
    assert not found.ledger[1].turns
    distance = 0.08 - found.base.metrics["token_expiry_rate"].mean
    assert found.ledger[0].weight.mean == pytest.approx(effects["citizen.abandon"].mu_star.mean / distance)


def test_sobols_indices_say_whose_variance_it_is(world):
    """All the variance of the expiry rate is that of one number: its total index is 1, the others' 0."""
    found = sensitivity(Source(world), Laboratory(Alone()), method="sobol", size=8, replications=2)
    totals = {each.factor.name: each.total.mean for each in found.indices if each.output == "token_expiry_rate"}
    assert totals["citizen.abandon"] == pytest.approx(1.0, abs=0.35)
    assert totals["checkout.authorisation.denied"] == totals["checkout.refund.failure"] == 0.0


WIDTHS = {"morris": ("effects", "mu_star", 1.6377 / 3.1824), "sobol": ("indices", "total", 1.2816 / 1.9600)}
"""Tabulated quantiles at 90% and 97.5%: of Student's t with the 3 degrees of freedom of 4 trajectories, and normal."""


@pytest.mark.parametrize("method", WIDTHS)
def test_intervals_have_the_confidence_of_the_scenario(world, method):
    """At 80% they are narrower than at 95% by the ratio of the quantiles, and the JSON says which they are."""
    lists, name, ratio = WIDTHS[method]
    at = {}
    for confidence in (0.95, 0.8):
        sets = [f"run.confidence={confidence}", "run.window=10 s"]
        study = sensitivity(Source(world), Laboratory(Alone()), sets=sets, method=method, size=4, replications=2)
        found = study.to_json()
        assert found["confidence"] == confidence
        at[confidence] = next(
            each[name] for each in found[lists] if (each["path"], each["output"]) == ("citizen.abandon", "paid_share")
        )
    narrow, wide = (at[confidence]["high"] - at[confidence]["mean"] for confidence in (0.8, 0.95))
    assert narrow / wide == pytest.approx(ratio, rel=1e-3)


def test_the_order_in_which_replications_arrive_changes_nothing(world):
    """Not a bit of it, although the last bit of a sum depends on the order; with workers it is a matter of chance."""

    class Backwards(Laboratory):
        def tallies(self, tasks):
            return iter([*super().tallies(tasks)][::-1])

    sets = ["run.window=10 s"]
    found, other = (
        sensitivity(Source(world), laboratory(Alone()), sets=sets, size=4) for laboratory in (Laboratory, Backwards)
    )
    assert found.to_json() == other.to_json()


def test_what_no_replication_has_is_null(world, tmp_path):
    """One cart an hour for a second: there are no figures, and JSON has no word for what is not a number."""
    words = ["--set", "arrivals.rate=1/h", "--set", "run.window=1 s", "--size", "2", "--replications", "2"]
    done = CliRunner().invoke(
        app, ["sensitivity", str(world), *words, "--quiet", "--format", "json", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    effect = next(each for each in json.loads(done.stdout)["effects"] if each["output"] == "paid_share")
    nothing = {"mean": None, "low": None, "high": None, "n": 0}
    assert (effect["mu"], effect["sigma"], effect["mu_star"]) == (None, None, nothing)


def test_ranges_that_cannot_meet_are_said_before_anything_is_simulated(world):
    """Two ends of a call at 0% to 80% each: some points of the study have more than 100% of them."""
    ends = ", ".join(f"{name}: {{value: 1%, assumed: x, range: [0%, 80%]}}" for name in ("ko", "malformed"))
    world.write_text(WORLD.replace("pspNotifyPaymentV2: {", f"pspNotifyPaymentV2: {{ends: {{{ends}}}, "))
    laboratory = Laboratory(Alone())
    with pytest.raises(ScenarioError, match="ends"):
        sensitivity(Source(world), laboratory, size=4, replications=2)
    assert laboratory.computed == 0


def test_an_index_that_is_not_known_is_a_dash(world, tmp_path):
    """Nobody ends unknown in this world, so that nothing has a share of the variance of that."""
    words = ["--method", "sobol", "--size", "2", "--replications", "2", "--quiet", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, ["sensitivity", str(world), *words])
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("unknown_share") and "abandon" in line]
    assert row.split() == ["unknown_share", "citizen.abandon", "-", "-"]
    assert "nan" not in done.stdout


def test_the_command_prints_the_ledger_and_its_mistakes(world, tmp_path):
    """A table with the ranks; JSON; a pattern that names nothing and another method are refused."""
    out = ["--out", str(tmp_path / "out"), "--jobs", "1", "--size", "2", "--replications", "2", "--quiet"]
    shown = CliRunner().invoke(app, ["sensitivity", str(world), *out])
    assert shown.exit_code == 0, shown.output
    assert "citizen.abandon" in shown.output.splitlines()[2]
    assert "with its 95% interval" in " ".join(shown.output.split())
    assert CliRunner().invoke(app, ["sensitivity", str(world), *out, "--format", "json"]).exit_code == 0
    nothing = CliRunner().invoke(app, ["sensitivity", str(world), *out, "--only", "psps.*"])
    assert (nothing.exit_code, "names no number with a range" in nothing.output) == (2, True)
    assert CliRunner().invoke(app, ["sensitivity", str(world), *out, "--method", "guess"]).exit_code == 2


@pytest.mark.parametrize("method", ["morris", "sobol"])
def test_from_python_it_is_the_same_and_shows_itself(world, tmp_path, method):
    """`sim.sensitivity` finds what the study finds, and names every number in a notebook."""
    found = sim.sensitivity(world, method=method, size=4, replications=2, out=tmp_path)
    direct = sensitivity(Source(world), Laboratory(Alone()), method=method, size=4, replications=2)
    assert found.to_json() == direct.to_json()
    assert repr(found) == f"<Sensitivity by {method}: 3 numbers, {len(direct.study)} points>"
    shown = found._repr_html_()
    assert "95% interval" in shown
    named = ["citizen.abandon", "checkout.authorisation.denied"]
    if method == "sobol":
        named.append("checkout.refund.failure")  # which has a source, and is not in the ledger
    for name in named:
        assert name in re.sub("<wbr>", "", shown)
