"""The capacity search where the answer is known: a PSP that is an M/M/c queue.

Carts arrive as a Poisson process and take independent random times until their notification, and there is no other
queue, so that notifications are a Poisson process too (displacement of a Poisson process). The PSP serves them for an
exponential time. So the share that is answered within t seconds is known (`within`), and so are the number of workers
and the arrival rate at which it crosses a limit. A search at a confidence of 95% misses the truth in at most one of
twenty; there are three of them, with seed 1. Intervals must also be narrow enough to say something.
"""

from math import exp, factorial, isclose

import pytest
from scipy.optimize import brentq

from experiment.tiny import TINY, Watched, tiny
from sim.analysis.slo import Verdict
from sim.experiment.capacity import GROWTH, Evaluator, capacity
from sim.experiment.replications import Laboratory
from sim.experiment.run import run
from sim.experiment.search import candidates
from sim.experiment.span import parse
from sim.scenario.load import ScenarioError, Source
from sim.shelf import shelf

RATE_PER_S, SERVICE_S, LIMIT, WITHIN_S = 2.7, 0.4, 0.95, 2.0
QUEUE = f"""\
name: queue
run: {{warm_up: 40 s, window: 150 s, seed: 1}}
protocol: {{psp_timeout: 10 min}}
arrivals: {{rate: {RATE_PER_S}/s}}
citizen: {{think_time: {{exponential: {{mean: 1 s}}}}}}
checkout: {{authorisation: {{time: {{exponential: {{mean: 1 s}}}}}}}}
node: {{processing: {{service_time: 0 s}}}}
links: {{checkout_node: {{latency: 0 s}}, node_ec: {{latency: 0 s}}, node_psp: {{latency: 0 s}}}}
ecs: [{{name: ec, share: 100%, paGetPayment: {{time: 100 ms}}, paSendRT: {{time: 100 ms}}}}]
psps:
  - name: psp
    share: 100%
    workers: 2
    pspNotifyPaymentV2: {{time: {{exponential: {{mean: {SERVICE_S} s}}}}}}
    outcome_delay: 100 ms
slos: ["tpnp >= {LIMIT:.0%}"]
"""
"""`tpnp` is the share of notifications that are answered within 2 s.

The queue forgets that it began empty in about service time / (1 - sqrt(rho))^2: 11 s where its load is the largest that
it bears, and 40 s are left out.
"""


def within(t_s, workers, rate_per_s, service_s=SERVICE_S):
    """Return the probability that a call of M/M/c is answered within t.

    With mu = 1 / service time and a = lambda / mu < c, a call waits with the probability C of Erlang's C formula, and
    then for an exponential time of rate theta = c mu - lambda (Gross et al., Fundamentals of Queueing Theory, 4th ed.,
    section 2.3). Its time in the system is S, or S + W with S and W independent and exponential with rates mu and
    theta; P(S + W > t) is (theta exp(-mu t) - mu exp(-theta t)) / (theta - mu), by convolution. Hence

        P(T <= t) = 1 - (1 - C) exp(-mu t) - C (theta exp(-mu t) - mu exp(-theta t)) / (theta - mu).
    """
    mu, a = 1 / service_s, rate_per_s * service_s
    if a >= workers:
        return 0.0
    full = a**workers / factorial(workers) / (1 - a / workers)
    waits = full / (sum(a**n / factorial(n) for n in range(workers)) + full)
    theta = workers * mu - rate_per_s
    both = (theta * exp(-mu * t_s) - mu * exp(-theta * t_s)) / (theta - mu)
    return 1 - (1 - waits) * exp(-mu * t_s) - waits * both


ENOUGH = next(c for c in range(1, 13) if within(WITHIN_S, c, RATE_PER_S) >= LIMIT)
"""The workers that are enough: 2, with 97.8% where one has no end of waiting."""
BEARS_PER_S = brentq(lambda rate: within(WITHIN_S, ENOUGH, rate) - LIMIT, 1.0, 4.9)
"""The arrival rate that they bear: 3.29/s."""


def test_the_formula_has_the_limits_that_it_must_have():
    """Of M/M/1 the time in the system is exponential with rate mu - lambda; without waiting it is the service time."""
    assert isclose(within(2, 1, 0.8, 1.0), 1 - exp(-0.2 * 2))
    assert isclose(within(2, 40, 0.8, 1.0), 1 - exp(-2))
    assert (ENOUGH, round(BEARS_PER_S, 2)) == (2, 3.29)
    assert [round(within(WITHIN_S, c, RATE_PER_S), 3) for c in (1, 2, 12)] == [0, 0.978, 0.993]


def search(folder, scenario, path, between, crew, tolerance=None, **more):
    """Search with a crew and with the shelf of a folder; return the answer and how many replications it took."""
    span, _ = parse(between)
    with shelf(folder) as kept:
        laboratory = Laboratory(crew, kept)
        xs = candidates(span, tolerance)
        return capacity(Source(scenario), laboratory, path, span, xs, **more), laboratory.computed


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    """Return the file of the queue."""
    file = tmp_path_factory.mktemp("queue") / "queue.yaml"
    file.write_text(QUEUE)
    return file


@pytest.fixture(scope="module")
def enough(queue):
    """Search for the workers that are enough, and the margin there; return answer, cost, and what a watch heard."""
    heard = []

    def watch(*look):
        heard.append(look)

    found, computed = search(queue.parent, queue, "psps.psp.workers", "1..12", Watched(), most=20, watch=watch)
    return found, computed, heard


def test_the_workers_that_are_enough_are_those_of_erlang(enough):
    """Two: one cannot do the work, and two are 2.8 points away from the limit, three 4.2."""
    found = enough[0].found
    assert found.outcome == "found"
    assert found.low == found.answer == ENOUGH
    assert found.high <= ENOUGH + 1
    assert found.confidence == 0.95


def test_the_margin_has_the_growth_that_the_queue_bears(enough):
    """From 2.7/s to 3.29/s is a factor of 1.219.

    An interval that did not end below a factor of 1.6 would say nothing of a queue that is full at 1.85.
    """
    margin = enough[0].margin
    assert margin.low <= BEARS_PER_S / RATE_PER_S <= margin.high
    assert margin.high < 1.6


def test_a_watch_hears_of_every_look(enough):
    """What is varied, where, how many replications so far, and what they say; first of all at both ends."""
    found, _, heard = enough
    assert heard[0][:3] == ("psps.psp.workers", 1, 5)
    assert {name for name, *_ in heard} == {"psps.psp.workers", GROWTH}
    looked_at = {(x, evidence.verdict) for name, x, _, evidence in heard if name != GROWTH}
    assert {(visit.x, visit.evidence.verdict) for visit in found.found.curve} <= looked_at


def test_asked_again_nothing_is_computed(enough, queue):
    """The answer comes from the shelf and is the same; so do those to other questions of the same replications.

    The margin at a factor of 1 needed none of its own in the first place.
    """
    found, computed, heard = enough
    for slos in (None, ["tpnp >= 95%", "paid_share > 1%"]):
        crew = Watched(at_most=0)
        again, anew = search(
            queue.parent, queue, "psps.psp.workers", "1..12", crew, most=20, slos=slos, margin=not slos
        )
        assert anew == 0
        assert again.found.answer == ENOUGH
        if slos is None:
            assert again.to_json() == found.to_json()
    of_one = max(count for name, x, count, _ in heard if name == GROWTH and x == 1.0)
    at_answer = max(count for name, x, count, _ in heard if name != GROWTH and x == found.found.answer)
    assert computed == found.found.replications + found.margin.replications - min(of_one, at_answer)


def test_the_largest_load_is_that_of_the_formula(queue, tmp_path):
    """Two workers bear 3.29/s, which is between two of the values asked for, 0.25/s apart."""
    options = {"tolerance": 0.25, "load": True, "margin": False, "most": 20}
    answer, _ = search(tmp_path, queue, "arrivals.rate", "1/s..5/s", Watched(), **options)
    assert answer.unit == "/s"
    assert answer.margin is None
    assert answer.found.low <= BEARS_PER_S <= answer.found.high
    assert answer.found.high - answer.found.low <= 1.5


# --- the tiny scenario ----------------------------------------------------------------------------------------------


@pytest.fixture
def scenario(tmp_path):
    """Return the file of the tiny scenario."""
    return tiny(tmp_path)


def tiny_search(scenario, *slos, crew=None, path="psps.psp-a.workers", between="3..5", **more):
    """Search in the tiny scenario with five replications of each value."""
    crew = crew or Watched()
    options = {"most": 5, "margin": False, **more}
    return search(scenario.parent, scenario, path, between, crew, slos=list(slos) or None, **options)[0]


def test_what_no_value_reaches_is_found_nowhere(scenario):
    """Nobody waits less than the 1.6 s that four calls take; there is no margin either."""
    answer = tiny_search(scenario, "p(99, user_wait) < 100 ms", margin=True)
    assert (answer.found.outcome, answer.found.answer, answer.margin) == ("nowhere", None, None)
    assert answer.found.reason == "the SLOs fail at 5, and so everywhere from 3 to 5"


def test_what_every_value_reaches_is_found_everywhere(scenario):
    """The answer is the end of the range; with load it is the other end."""
    for load, end in ((False, 3), (True, 5)):
        answer = tiny_search(scenario, "paid_share > 1%", load=load)
        assert (answer.found.outcome, answer.found.answer) == ("everywhere", end)


def test_what_cannot_be_told_is_undecided(scenario):
    """Half of the carts go to either PSP, whatever the workers: no number of replications tells 50% from its limit."""
    slos = ["tnspo_strict >= 78%", "tnspo_strict <= 78%"]
    answer = tiny_search(scenario, *slos)
    assert answer.found.outcome == "undecided"
    assert answer.slos == tuple(slos)


def said(scenario, *slos, **more):
    """Return the problems of a search that cannot begin, which carries out nothing."""
    with pytest.raises(ScenarioError) as error:
        tiny_search(scenario, *slos, crew=Watched(at_most=0), **more)
    return [str(problem) for problem in error.value.problems]


def test_objectives_that_are_none_are_said_all_at_once(scenario):
    """Each with its text and with what to write instead."""
    first, second = said(scenario, "tpnp{psp=psp-z} >= 98%", "paid_share > 1%", "tppn >= 98%")
    assert first.startswith("--slo tpnp{psp=psp-z} >= 98%  slos  'psp-z' is no psp of the scenario  ")
    assert second.startswith("--slo tppn >= 98%  slos  tppn is not a metric  ")


def test_a_search_without_an_objective_says_how_to_give_one(scenario):
    """A scenario need not have any."""
    (line,) = said(scenario, sets=["slos=[]"])
    assert line.endswith("slos  has no objective  say what is enough, for example --slo 'tnspo_strict >= 98%'")


def test_a_path_that_is_not_there_is_said(scenario):
    """As for any assignment."""
    (line,) = said(scenario, "paid_share > 1%", path="psps.psp-a.wrkers")
    assert "psps.psp-a.wrkers  is not known here" in line


@pytest.mark.parametrize("between", ["50%..120%", "0.5..1.2"])
def test_both_ends_of_the_range_are_tried_before_anything_is_simulated(scenario, between):
    """A share of 120% is none; the search would come to it after the other end."""
    (line,) = said(scenario, "paid_share > 1%", path="citizen.abandon", between=between)
    assert "citizen.abandon" in line


def test_answer_and_margin_have_the_confidence_of_the_scenario(scenario):
    """Which decides it for a run too."""
    answer = tiny_search(scenario, "paid_share > 1%", sets=["run.confidence=80%"], margin=True)
    assert (answer.found.confidence, answer.margin.confidence) == (0.8, 0.8)
    assert answer.found.text("workers") == "3 workers, at most 3 at 80%"


def test_arrivals_of_a_trace_cannot_grow(scenario):
    """So there is an answer and no margin."""
    (scenario.parent / "trace.csv").write_text("at\n" + "\n".join(f"{n / 4}" for n in range(20)))
    sets = ["arrivals={trace: {file: trace.csv, column: at}}"]
    answer = tiny_search(scenario, "paid_share > 1%", sets=sets, margin=True)
    assert (answer.found.outcome, answer.margin) == ("everywhere", None)


def test_the_answer_says_what_collapses_in_its_replications(tmp_path):
    """What a run of the answer says after as many replications: the creditor is out for good in some of them.

    The objective is met by the mean of both groups, so that nothing else would tell.
    """
    hump = TINY.split("slos:")[0].replace("window: 5 s", "window: 20 s")
    outage = "incidents: [{name: out, target: ecs.ec, effect: outage, mtbf: 1 min, mttr: 30 min}]"
    file = tiny(tmp_path, f"{hump}{outage}\nslos: ['paid_share >= 1%']\n")
    evaluator = Evaluator(Laboratory(Watched()), lambda x: Source(file).load([f"psps.psp-a.workers={x:g}"]), None)
    assert evaluator(4.0, 12, 0.95).verdict is Verdict.PASS
    expected = run(Source(file).load(), replications=12).summary.collapses
    assert evaluator.collapses(4.0, 0.95) == expected
    assert [each.metric for each in expected] == ["paid_share"]


def test_a_search_looks_for_collapses_at_its_answer(tmp_path, monkeypatch):
    """At that value, with the replications that it had; where there is no answer, there is nothing to say of it."""
    seen = []
    monkeypatch.setattr(
        "sim.experiment.capacity.collapses", lambda tallies, confidence: seen.append(len(tallies)) or ()
    )
    span = parse("3..4")[0]
    search = Source(tiny(tmp_path)), Laboratory(Watched()), "psps.psp-a.workers", span, candidates(span)
    found = capacity(*search, slos=["tpnp >= 1%"], margin=False)
    at_answer = [visit.replications for visit in found.found.curve if visit.x == found.found.answer]
    assert (seen, found.to_json()["collapses"]) == (at_answer, [])
    assert capacity(*search, slos=["tpnp < 1%"], margin=False).found.answer is None
    assert len(seen) == 1
