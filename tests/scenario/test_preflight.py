"""Preflight: sums that can be done by hand, compared with sums that were done by hand.

The world of most tests: 10 carts/s of one notice, nobody leaves; the EC needs 400 ms for paGetPayment and 200 ms for
paSendRT, the PSP 500 ms for pspNotifyPaymentV2, the Node 20 ms for each of 3 calls; every link takes 10 ms each way.
"""

from pathlib import Path

import pytest

from sim.kernel.streams import Streams
from sim.model.plan import Plan
from sim.scenario.load import from_dict, load
from sim.scenario.preflight import preflight

SCENARIOS = Path(__file__).parents[2] / "scenarios"
WORLD = {
    "name": "by-hand",
    "run": {"warm_up": "0 s", "window": "1 h"},
    "arrivals": {"rate": "10/s"},
    "citizen": {"think_time": "100 s"},
    "checkout": {"authorisation": {"time": "50 s"}},
    "ecs": [{"name": "ec", "share": 1, "paGetPayment": {"time": "400 ms"}, "paSendRT": {"time": "200 ms"}}],
    "psps": [
        {"name": "psp", "share": 1, "pspNotifyPaymentV2": {"time": "500 ms"}, "outcome_delay": "500 ms"},
    ],
}


def found(*sets):
    """Return path, problem, fix and severity of what preflight finds in the world, changed by assignments."""
    return [(f.path, f.problem, f.fix, f.severe) for f in preflight(from_dict(WORLD, sets))]


def paths(*sets):
    return [(path, severe) for path, _, _, severe in found(*sets)]


# --- load -----------------------------------------------------------------------------------------------------------


def test_a_world_without_limits_has_no_findings():
    """Unlimited workers cannot be overloaded, and the default timeouts fit each other."""
    assert found() == []


def test_an_ec_is_overloaded_when_the_work_offered_reaches_its_workers():
    """10 carts/s x (0.4 s + 0.2 s) keep 6 workers busy: 6 are not enough, 7 are."""
    assert found("ecs.ec.workers=6") == [
        ("ecs.ec.workers", "is 6, and 10 carts/s keep 6 busy", "write workers: 7 or more, or a lower rate", True)
    ]
    assert found("ecs.ec.workers=7") == []


def test_a_psp_is_asked_once_for_every_cart_that_is_paid():
    """10 carts/s x 0.5 s keep 5 workers busy; when half of the citizens leave, 2.5."""
    assert paths("psps.psp.workers=5") == [("psps.psp.workers", True)]
    assert paths("psps.psp.workers=3", "citizen.abandon=50%") == []
    assert paths("psps.psp.workers=2", "citizen.abandon=50%") == [("psps.psp.workers", True)]


def test_the_node_takes_three_calls_for_every_cart_of_one_notice():
    """10 carts/s x (activation + close + outcome) x 100 ms keep 3 workers busy."""
    slow = ("node.processing.service_time=100 ms",)
    assert paths("node.processing.workers=3", *slow) == [("node.processing.workers", True)]
    assert paths("node.processing.workers=13", *slow) == []


def test_retries_that_lift_the_node_over_its_capacity_are_noted_but_not_severe():
    """3 tries of the activation, 4 of the close and 5 of the outcome, 100 ms each, at 10 carts/s: 12 workers."""
    (note,) = found("node.processing.workers=12", "node.processing.service_time=100 ms")
    assert note == (
        "node.processing.workers",
        "is 12, 25% busy at 10 carts/s, but if its calls fail retries make 4 times the work, enough for 12",
        "write workers: 13 or more, or less of checkout.activation.tries, checkout.close.retries and citizen.retry",
        False,
    )


def test_citizens_who_come_back_repeat_paGetPayment_but_not_the_receipt():  # noqa: N802
    """1 + 0.5 + 0.25 tries: 10 x (1.75 x 0.4 s + 0.2 s) keep 9 workers busy, where without retries it is 6."""
    retry = ("citizen.retry.probability=50%", "citizen.retry.max_tries=3")
    assert paths("ecs.ec.workers=9", *retry) == [("ecs.ec.workers", False)]
    assert paths("ecs.ec.workers=10", *retry) == []


def test_checkout_repeats_the_ecs_work_only_without_a_key_and_before_the_node_has_an_answer():
    """3 tries without a key and with a timeout of 6 s, below the EC's 7 s: 10 x (3 x 0.4 s + 0.2 s) = 14 workers."""
    hasty = "checkout.activation.timeout=6 s"
    assert ("ecs.ec.workers", False) in paths("ecs.ec.workers=14", hasty, "protocol.idempotency=false")
    assert ("ecs.ec.workers", False) not in paths("ecs.ec.workers=15", hasty, "protocol.idempotency=false")
    assert ("ecs.ec.workers", False) not in paths("ecs.ec.workers=14", hasty)
    assert ("ecs.ec.workers", False) not in paths("ecs.ec.workers=14", "protocol.idempotency=false")


def test_a_psp_is_asked_again_only_where_an_unreachable_psp_is_final():
    """5 workers are kept busy; at 90% and 2 tries, 9.5: only citizens who know that it failed come back."""
    retry = ("psps.psp.workers=9", "citizen.retry.probability=90%", "citizen.retry.max_tries=2")
    assert paths(*retry) == []
    assert paths(*retry, "protocol.unreachable_is_final=true") == [("psps.psp.workers", False)]


def test_of_a_group_of_ecs_the_most_popular_one_is_looked_at():
    """Two ECs with Zipf exponent 1 share the traffic 2:1, so the larger has 6 x 2/3 = 4 workers busy."""
    assert paths("ecs.ec.count=2", "ecs.ec.zipf=1", "ecs.ec.workers=4") == [("ecs.ec.workers", True)]
    assert paths("ecs.ec.count=2", "ecs.ec.zipf=1", "ecs.ec.workers=5") == []


def test_work_is_counted_by_how_calls_end():
    """Half of the paGetPayment never arrive (0.2 s on average); the receipts that hang hold their worker for 60 s.

    10 x (0.5 x 0.4 s + 0.99 x 0.2 s + 0.01 x 60 s) = 9.98.
    """
    ends = ("ecs.ec.paGetPayment.ends.lost_request=50%", "ecs.ec.paSendRT.ends.hang=1%")
    ((path, problem, _, severe),) = found("ecs.ec.workers=9", *ends)
    assert (path, problem, severe) == ("ecs.ec.workers", "is 9, and 10 carts/s keep 9.98 busy", True)
    assert found("ecs.ec.workers=10", *ends) == []


def test_the_time_of_a_hang_is_the_models():
    """A call that always hangs holds its worker for 60 s, as the sums above have it, unless its end says 9 s."""

    def work_s(hang):
        scenario = from_dict(WORLD, [f"psps.psp.pspNotifyPaymentV2.ends.hang={hang}"]).scenario
        return Plan(scenario, Streams(1, 0)).cart(0).notify.work_s

    assert work_s("100%") == 60.0
    assert work_s("{probability: 100%, time: 9 s}") == 9.0


def test_a_mean_that_does_not_exist_overloads_any_station():
    """A Pareto law of shape 1 has no mean, and no number of workers is enough."""
    law = "ecs.ec.paGetPayment.time={pareto: {minimum: 100 ms, shape: 1.0}}"
    ((_, problem, fix, severe),) = [f for f in found("ecs.ec.workers=1000", law) if f[0] == "ecs.ec.workers"]
    assert (problem, severe) == ("is 1000, and 10 carts/s keep inf busy", True)
    assert fix == "write a service time with a mean or more, or a lower rate"


@pytest.mark.parametrize(
    ("arrivals", "peak"),
    [
        ("{ramp: [{duration: 10 min, rate: 2/s}, {duration: 1 min, rate: 20/s}, {duration: 1 min, rate: 3/s}]}", 20),
        ("{ramp: [{duration: 2 h, start: 0/s, rate: 40/s}]}", 20),
        ("{ramp: [{duration: 1 h, rate: 5/s}, {duration: 1 min, rate: 900/s}]}", 5),
        (f"{{rate: 10/s, start_hour: 22.5, profile: {[0.5] * 23 + [12.5]}}}", 125),
        (f"{{rate: 10/s, start_hour: 8, profile: {[0.5] * 23 + [12.5]}}}", 5),
    ],
)
def test_the_peak_is_the_highest_rate_before_arrivals_end(arrivals, peak):
    """Arrivals last one hour: a rise is cut there, and hours and stages after it do not count."""
    (overload,) = found(f"arrivals={arrivals}", "ecs.ec.workers=1")
    assert overload[1] == f"is 1, and {peak} carts/s keep {0.6 * peak:.3g} busy"


def test_what_a_trace_has_after_the_end_is_counted(tmp_path):
    """An hour has arrivals before 3,600 s, not at it."""
    (tmp_path / "trace.csv").write_text("t\n0\n3599.9\n3600\n4000\n", encoding="utf-8")
    world = WORLD | {"arrivals": {"trace": {"file": "trace.csv", "column": "t"}}}
    assert [(f.path, f.problem, f.fix, f.severe) for f in preflight(from_dict(world, folder=tmp_path))] == [
        (
            "arrivals.trace",
            "has 2 of 4 rows at or after 3600 s, when arrivals end",
            "write a longer window, or leave those rows out",
            False,
        )
    ]
    assert preflight(from_dict(world, ["run.window=2 h"], folder=tmp_path)) == []


def test_the_peak_of_a_trace_is_its_busiest_minute(tmp_path):
    """30 carts in the second minute are 0.5/s, which keep 0.3 workers busy at 0.6 s each; no worker is there."""
    times = [5.0, *(60.0 + n for n in range(30)), 7200.0]
    (tmp_path / "trace.csv").write_text("\n".join(["t", *map(str, times)]), encoding="utf-8")
    world = WORLD | {"arrivals": {"trace": {"file": "trace.csv", "column": "t"}}}
    overload, late = preflight(from_dict(world, ["ecs.ec.workers=0"], tmp_path))
    assert overload.problem == "is 0, and 0.5 carts/s keep 0.3 busy"
    assert late.path == "arrivals.trace"


def test_a_schedule_is_compared_with_the_load_of_its_own_time():
    """8 workers suffice, and 2 from minute 10 on do not, unless nobody arrives any more."""
    schedule = ("ecs.ec.workers=8", "ecs.ec.schedule=[{at: 10 min, workers: 2}]")
    (overload,) = found(*schedule)
    assert overload[1] == "is 2 from 600 s on, and 10 carts/s keep 6 busy"
    assert found(*schedule, "arrivals={ramp: [{duration: 10 min, rate: 10/s}, {duration: 50 min, rate: 1/s}]}") == []


def test_a_pool_is_held_while_the_other_answers():
    """10 carts/s x (0.42 s + 0.22 s), links included, hold 6.4 permits of the pool towards ECs."""
    wait = "node.ec_pool.wait_limit=1 s"
    assert paths("node.ec_pool.size=6", wait) == [("node.ec_pool.size", True)]
    assert paths("node.ec_pool.size=7", wait) == []


def test_a_pool_for_each_is_compared_with_the_fullest():
    """Two equal ECs with a pool each hold 3.2 permits each."""
    sets = ("node.ec_pool.wait_limit=1 s", "node.ec_pool.shared=false", "ecs.ec.count=2")
    assert paths("node.ec_pool.size=3", *sets) == [("node.ec_pool.size", True)]
    assert paths("node.ec_pool.size=4", *sets) == []


# --- timeouts -------------------------------------------------------------------------------------------------------


def test_checkout_must_outwait_the_node_which_waits_for_the_ec():
    """7 s for the EC, 20 ms of its own and 20 ms on the way: 7.04 s."""
    assert found("checkout.activation.timeout=7 s") == [
        (
            "checkout.activation.timeout",
            "is 7 s, but the Node may take 7.04 s, of which 7 s for the EC",
            "write 7.1 s or more, or a shorter protocol.ec_timeout",
            True,
        )
    ]
    assert found("checkout.activation.timeout=7.1 s") == []


def test_waiting_for_a_free_connection_counts_too():
    """7.04 s and 7 s of waiting are more than Checkout's 14 s; without a limit there is no saying."""
    assert paths("node.ec_pool.size=50", "node.ec_pool.wait_limit=7 s") == [("checkout.activation.timeout", True)]
    ((path, _, fix, severe),) = found("node.ec_pool.size=50")
    assert (path, fix, severe) == ("node.ec_pool.wait_limit", "write wait_limit: 6.9 s or less", False)


def test_close_and_outcome_must_outwait_the_nodes_own_processing():
    """The Node takes 20 s for every call, and the links 20 ms: 20.02 s."""
    assert paths("node.processing.service_time=20 s") == [
        ("checkout.activation.timeout", True),
        ("checkout.close.timeout", True),
        ("psps.psp.outcome_timeout", True),
    ]


def test_answers_that_come_after_the_timeout_are_counted():
    """Exponential with mean 2 s: exp(-(7 - 0.02) / 2) = 3.05% of answers come too late; with mean 12 s, 55.9%."""
    (note,) = found("psps.psp.pspNotifyPaymentV2.time={exponential: {mean: 2 s}}")
    assert note == (
        "psps.psp.pspNotifyPaymentV2.time",
        "is longer than protocol.psp_timeout of 7 s for 3.1% of calls",
        "write a shorter time, or psp_timeout: 7.9 s or more",
        False,
    )
    assert paths("ecs.ec.paGetPayment.time={exponential: {mean: 12 s}}") == [("ecs.ec.paGetPayment.time", True)]
    assert paths("ecs.ec.paSendRT.time={exponential: {mean: 5 s}}") == [("ecs.ec.paSendRT.time", False)]
    assert paths("ecs.ec.paSendRT.time={exponential: {mean: 3 s}}") == []


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_must_cover_thinking_authorising_notification_and_outcome():
    """100 s + 50 s + 0.5 s + 0.5 s = 151 s by the text, which does not extend tokens."""
    ((path, problem, fix, severe),) = found("protocol.token_validity=150 s")
    assert (path, fix, severe) == (
        "protocol.token_validity",
        "write token_validity: 151 s or more, or shorter times",
        True,
    )
    assert problem == (
        "is 150 s, less than the 98th percentiles of what it covers: citizen.think_time 100.0 s + "
        "checkout.authorisation.time 50.0 s + psps.psp.pspNotifyPaymentV2.time 0.5 s + psps.psp.outcome_delay 0.5 s"
    )
    assert found("protocol.token_validity=151 s") == []


def test_a_token_too_short_for_few_citizens_only_is_not_severe():
    """Exponential thinking: 98% within 60 s x ln 50 = 235 s, half within 42 s; plus 51 s for the rest."""
    thinking = "citizen.think_time={exponential: {mean: 60 s}}"
    assert paths(thinking, "protocol.token_validity=285 s") == [("protocol.token_validity", False)]
    assert paths(thinking, "protocol.token_validity=286 s") == []
    assert paths(thinking, "protocol.token_validity=92 s") == [("protocol.token_validity", True)]


def test_an_extended_token_covers_the_outcome_from_the_close_on():
    """As observed, closing gives another hour: an outcome after an hour is too late, and thinking does not matter."""
    observed = ("protocol.preset=nodo-observed", "psps.psp.outcome_delay=1 h")
    assert paths(*observed) == [("protocol.token_extension", True)]
    assert paths(*observed, "protocol.token_extension=3601 s") == []


def test_a_token_cannot_be_asked_for_longer_than_half_an_hour():
    """Where 30 min are not enough, only shorter times help (BP-PSP: at most 30 min)."""
    ((_, _, fix, _),) = found("psps.psp.outcome_delay=1 h")
    assert fix == "write shorter times"


# --- findings -------------------------------------------------------------------------------------------------------


def test_findings_say_where_they_were_written_and_the_severe_come_first(tmp_path):
    """The line and column are those of the value; a token of 200 s is too short for few citizens only."""
    lines = (
        "name: shown",
        "arrivals: {rate: 10/s}",
        "protocol: {token_validity: 200 s}",
        "ecs: [{name: ec, share: 100%,",
        "  workers: 2}]",
        "psps: [{name: psp, share: 100%}]",
    )
    file = tmp_path / "shown.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    overload, short = preflight(load(file))
    assert (overload.position.line, overload.position.column, overload.severe) == (5, 12, True)
    assert str(overload) == f"{file}:5:12  ecs.ec.workers  {overload.problem}  {overload.fix}"
    assert (short.path, short.position.line, short.severe) == ("protocol.token_validity", 3, False)


def test_the_baseline_has_no_findings():
    """A normal hour is well within every limit, retries included."""
    assert preflight(load(SCENARIOS / "baseline.yaml")) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("deadline_peak", "ecs.aci.workers"), ("retry_storm", "checkout.activation.timeout")],
)
def test_scenarios_of_overload_are_found_out(name, path):
    """Deadline: 23 carts/s x 1.35 notices x 60% x 0.46 s x (1 + 0.92) keep 16 of 12 workers busy. Storm: 6 s < 7 s."""
    severe = [finding.path for finding in preflight(load(SCENARIOS / f"{name}.yaml")) if finding.severe]
    assert severe == [path]
