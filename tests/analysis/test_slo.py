"""Service level objectives: how they are read, and what an interval says of them."""

from math import nan

import pytest

from analysis.hand import NAMES, records
from sim.analysis.intervals import Estimate
from sim.analysis.slo import Judged, Slo, Verdict, judge, overall
from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.scenario.slos import parse

PASS, FAIL, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED

READ = {
    "tnspo >= 98%": ("tnspo_official", None, "", "", ">=", 0.98),
    "tnspo_strict>=0.98": ("tnspo_strict", None, "", "", ">=", 0.98),
    "token_expiry_rate < 0.5%": ("token_expiry_rate", None, "", "", "<", 0.005),
    "reversal_eur <= 1000 EUR": ("reversal_eur", None, "", "", "<=", 1000.0),
    "reversal_count < 12": ("reversal_count", None, "", "", "<", 12.0),
    "blocked_minutes < 90 min": ("blocked_minutes", None, "", "", "<", 90.0),
    "paid_share > 85%": ("paid_share", None, "", "", ">", 0.85),
    "user_wait < 2 s": ("user_wait", None, "", "", "<", 2.0),
    "p(95, user_wait) < 3 s": ("user_wait", 95.0, "", "", "<", 3.0),
    "p(99.9,outcome_delay) <= 1500 ms": ("outcome_delay", 99.9, "", "", "<=", 1.5),
    "tnspo{psp=psp-a} >= 98%": ("tnspo_official", None, "psp", "psp-a", ">=", 0.98),
    "p(98, outcome_delay{ psp = psp-b }) < 2 s": ("outcome_delay", 98.0, "psp", "psp-b", "<", 2.0),
    "tgp{ec_group=h} >= 98%": ("tgp", None, "ec_group", "h", ">=", 0.98),
    "token_expiry_rate{cart_size=5} < 1%": ("token_expiry_rate", None, "cart_size", "5", "<", 0.01),
    "reversal_rate{cause=psp_refused} < 1%": ("reversal_rate", None, "cause", "psp_refused", "<", 0.01),
}


@pytest.mark.parametrize("text", READ)
def test_an_objective_is_read_as_written(text):
    """Metric (or its other name), percentile, group, operator and limit in the metric's unit."""
    slo = parse(text, NAMES)
    assert slo.text == text
    assert (slo.metric, slo.percentile, slo.dimension, slo.group, slo.operator, slo.limit) == READ[text]


REFUSED = {
    "": "is not an SLO; write for example tnspo >= 98%",
    "tnspo": "is not an SLO",
    "tnspo = 98%": "is not an SLO",
    "tnspo >=": "write for example",
    "tnspo{psp} >= 98%": "is not an SLO",
    "p(95 user_wait) < 3 s": "is not an SLO",
    "tnsop >= 98%": "tnsop is not a metric; did you mean tnspo?",
    "happiness > 9": "happiness is not a metric; write one of token_expiry_rate, ",
    "p(95, tnspo) > 98%": "has no such percentile; write p(0 to 100, one of ",
    "p(100, user_wait) < 3 s": "has no such percentile",
    "p(0, user_wait) < 3 s": "has no such percentile",
    "user_wait{ec_group=g} < 3 s": "user_wait has no ec_group; it can be broken down by psp, cart_size",
    "tnspo{colour=red} >= 98%": "tnspo_official has no colour",
    "tnspo{psp=psp-c} >= 98%": "'psp-c' is no psp of the scenario",
    "token_expiry_rate{cause=bad_luck} < 1%": "'bad_luck' is no cause of the scenario",
    "user_wait < 3": "3",
    "tnspo >= 98 s": "98 s",
    "reversal_count < many": "'many' is not a number of count; write for example 100",
    "reversal_count < nan": "not a finite number",
    "reversal_count < inf": "not a finite number",
    "reversal_count < -1": "not a finite number",
}


@pytest.mark.parametrize("text", REFUSED)
def test_an_objective_that_means_nothing_is_refused_with_what_to_write(text):
    """The error says what is wrong and, where there is a choice, what can be written instead."""
    with pytest.raises(ValueError, match=r".") as refusal:
        parse(text, NAMES)
    assert REFUSED[text] in str(refusal.value)


def objective(operator, limit=0.5):
    return Slo("", "paid_share", None, "", "", operator, limit)


# Interval below the limit 0.5, around it, above it, from it up, up to it.
VERDICTS = {
    "<": (PASS, UNDECIDED, FAIL, FAIL, UNDECIDED),
    "<=": (PASS, UNDECIDED, FAIL, UNDECIDED, PASS),
    ">": (FAIL, UNDECIDED, PASS, UNDECIDED, FAIL),
    ">=": (FAIL, UNDECIDED, PASS, PASS, UNDECIDED),
}


@pytest.mark.parametrize("operator", VERDICTS)
def test_an_objective_passes_with_the_whole_interval_and_fails_with_none_of_it(operator):
    """And is undecided in between; an end on the limit meets <= and >= alone."""
    intervals = ((0.1, 0.4), (0.4, 0.6), (0.6, 0.9), (0.5, 0.9), (0.1, 0.5))
    found = tuple(judge(objective(operator), Estimate(nan, *ends, 10)).verdict for ends in intervals)
    assert found == VERDICTS[operator]


@pytest.mark.parametrize("operator", VERDICTS)
def test_an_objective_without_an_interval_is_undecided(operator):
    """One replication, or nothing to count."""
    for estimate in (Estimate(0.1, nan, nan, 1), Estimate(nan, nan, nan, 0)):
        assert judge(objective(operator), estimate).verdict is UNDECIDED


@pytest.mark.parametrize(("verdicts", "together"), [
    ((), PASS), ((PASS, PASS), PASS), ((PASS, UNDECIDED), UNDECIDED), ((UNDECIDED, FAIL, PASS), FAIL),
])  # fmt: skip
def test_one_failure_fails_all_and_one_doubt_leaves_all_in_doubt(verdicts, together):
    """Fail before undecided before pass."""
    judged = [Judged(objective("<"), Estimate(nan, nan, nan, 0), verdict) for verdict in verdicts]
    assert overall(judged) is together


def test_an_objective_is_judged_by_the_group_it_names():
    """Two equal replications: psp-a has 4 of 10 accepted tokens in time, psp-b 2 of 2.

    Wilson's interval of 4 in 10 is (0.168, 0.687), that of 2 in 2 is (0.342, 1).
    """
    texts = ("tnspo{psp=psp-a} < 70%", "tnspo{psp=psp-b} < 70%", "tnspo{psp=psp-b} > 30%", "tnspo{psp=psp-a} > 70%")
    found = summarise([tally(records(0)), tally(records(1))], [parse(text, NAMES) for text in texts])
    assert [each.verdict for each in found.slos] == [PASS, UNDECIDED, PASS, FAIL]
    assert (found.slos[0].estimate.low, found.slos[0].estimate.high) == pytest.approx((0.1682, 0.6873), abs=1e-4)
    assert found.slos[1].estimate.low == pytest.approx(2 / (2 + 1.959964**2), rel=1e-6)
    assert found.verdict is FAIL


def test_an_objective_on_a_percentile_is_judged_by_its_replications():
    """The 90th percentile of psp-a's waits 1, 2, 2, 4, 4, 5 s is 4.5 s (at 4.5), in both replications."""
    slos = [parse("p(90, user_wait{psp=psp-a}) < 4.6 s", NAMES), parse("p(90, user_wait{psp=psp-a}) < 4.4 s", NAMES)]
    asked = [slo.quantile for slo in slos]
    found = summarise([tally(records(0), asked), tally(records(1), asked)], slos)
    assert [each.estimate.mean for each in found.slos] == pytest.approx([4.5, 4.5])
    assert [each.verdict for each in found.slos] == [PASS, FAIL]
