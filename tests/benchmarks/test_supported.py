"""The idiomatic model refuses a scenario that it would not simulate as the simulator does."""

import pytest

from benchmarks.idiomatic import Model, refuse_unsupported
from benchmarks.measure import SCENARIO
from sim.scenario.load import load


def test_the_benchmarks_own_scenario_is_understood():
    """A refusal here would mean that nothing can be measured."""
    refuse_unsupported(load(SCENARIO).scenario)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("arrivals.process=constant", "Poisson"),
        ("run.warm_up=1 min", "warm-up"),
        ("citizen.cancel=1%", "cancelling"),
        ("citizen.retry.probability=1%", "returning"),
        ("checkout.authorisation.denied=1%", "denials"),
        ("checkout.parallel_activations=2", "lanes"),
        ("checkout.when_close_unanswered=manual_check", "manual check"),
        ("links.node_ec.loss=1%", "links"),
        ("links.node_psp.latency={exponential: {mean: 20 ms}}", "links"),
        ("node.ec_pool.size=10", "pools"),
        ("node.psp_pool.size=10", "pools"),
        ("node.processing.queue_limit=10", "queue limits"),
        ("ecs.aci.queue_limit=10", "queue limits"),
        ("psps.psp-a.schedule=[{at: 1 min, workers: 1}]", "schedules"),
        ("psps.psp-a.outcome_ko=1%", "outcomes KO"),
        ("psps.psp-a.outcome_after_ko=1%", "stray"),
        ("psps.psp-b.books_after_hang=1%", "booking late"),
        ("psps.psp-b.pspNotifyPaymentV2.ends.hang=1%", "ends"),
        ("ecs.aci.paGetPayment.ends.malformed=1%", "ends"),
        ("ecs.aci.paSendRT.ends.lost_request=1%", "ends"),
        ("ecs.aci.paSendRT.ends.ko={probability: 1%, time: 1 s}", "ends"),
        ("incidents=[{target: psps.psp-a, effect: outage, at: 1 min, duration: 1 min}]", "incidents"),
        ("protocol.preset=nodo-observed", "protocol"),
        ("protocol.token_extension=1 h", "protocol"),
        ("protocol.unreachable_is_final=true", "protocol"),
        ("protocol.accepted_expires=false", "protocol"),
    ],
)
def test_what_is_left_out_is_refused_by_name(change, named):
    """One change to the benchmark's scenario is enough, and the message says what is missing."""
    with pytest.raises(ValueError, match=f"the idiomatic model has no .*{named}"):
        Model(load(SCENARIO, [change]).scenario, seed=1)


def test_everything_missing_is_named_at_once():
    """Two things that are left out give one message that names both."""
    scenario = load(SCENARIO, ["run.warm_up=1 min", "node.ec_pool.size=10"]).scenario
    with pytest.raises(ValueError, match=r"a warm-up.*pools"):
        refuse_unsupported(scenario)
