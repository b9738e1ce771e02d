"""The language of SLOs: a metric, perhaps a percentile, perhaps a group, an operator, and a limit with its unit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.analysis.slo import Slo
from sim.scenario.slos import parse

NAMES = {"psp": ("psp-a", "psp-b"), "ec_group": ("aci", "central")}


@pytest.mark.parametrize(
    ("text", "metric", "percentile", "group", "operator", "limit"),
    [
        ("tnspo >= 98%", "tnspo_official", None, ("", ""), ">=", 0.98),
        ("tnspo_strict>0.98", "tnspo_strict", None, ("", ""), ">", 0.98),
        ("token_expiry_rate < 0.5%", "token_expiry_rate", None, ("", ""), "<", 0.005),
        ("p(95, user_wait) < 3 s", "user_wait", 95.0, ("", ""), "<", 3.0),
        ("p( 99.9 ,user_wait{psp=psp-a} )<=1.5 min", "user_wait", 99.9, ("psp", "psp-a"), "<=", 90.0),
        ("tnspo{psp=psp-b} >= 98%", "tnspo_official", None, ("psp", "psp-b"), ">=", 0.98),
        ("tgp { ec_group = aci } >= 98%", "tgp", None, ("ec_group", "aci"), ">=", 0.98),
        ("token_expiry_rate{cart_size=5} < 6%", "token_expiry_rate", None, ("cart_size", "5"), "<", 0.06),
        ("token_expiry_rate{cause=abandoned} < 6%", "token_expiry_rate", None, ("cause", "abandoned"), "<", 0.06),
        ("reversal_eur < 50000 EUR", "reversal_eur", None, ("", ""), "<", 50000.0),
        ("tries < 1.2", "tries", None, ("", ""), "<", 1.2),
        ("tries < 1.2 tries", "tries", None, ("", ""), "<", 1.2),
        ("user_wait < 250 ms", "user_wait", None, ("", ""), "<", 0.25),
    ],
)
def test_an_slo_is_read_with_its_unit(text, metric, percentile, group, operator, limit):
    """Shares become 0..1, times seconds, euros euros; blanks do not matter; `tnspo` is the official one."""
    assert parse(text, NAMES) == Slo(text, metric, percentile, *group, operator, limit)


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("", "'' is not an SLO", "write for example tnspo >= 98%"),
        ("tnspo", "'tnspo' is not an SLO", "write for example tnspo >= 98%"),
        ("tnspo = 98%", "'tnspo = 98%' is not an SLO", "write for example tnspo >= 98%"),
        ("tnspo >=", "'tnspo >=' is not an SLO", "write for example tnspo >= 98%"),
        ("p(95 user_wait) < 3 s", "'p(95 user_wait) < 3 s' is not an SLO", "write for example"),
        ("user_wait{psp} < 3 s", "'user_wait{psp} < 3 s' is not an SLO", "write for example"),
        ("tnsp >= 98%", "tnsp is not a metric", "did you mean tnspo?"),
        ("zzz >= 98%", "zzz is not a metric", "write one of token_expiry_rate, "),
        ("tnspo >= 98", "98 is more than 100%", "write 0% to 100%"),
        ("tnspo >= 98 s", "98 s is not a share", "write for example 2% or 0.02"),
        ("user_wait < 3", "3 has no unit of time", "write ms, s, min, h or d"),
        ("user_wait < -3 s", "-3 s is negative", "write zero or more"),
        ("reversal_eur < 3 s", "3 s is not an amount", "write for example 3 EUR"),
        ("tries < many", "'many' is not a number of tries", "write for example 100"),
        ("tries < nan", "'nan' is not a finite number", "write for example 100"),
        ("tries < -1", "'-1' is not a finite number", "write for example 100"),
        ("p(0, user_wait) < 3 s", "'p(0, user_wait) < 3 s' has no such percentile", "write p(0 to 100, one of "),
        ("p(100, user_wait) < 3 s", "'p(100, user_wait) < 3 s' has no such percentile", "write p(0 to 100, one of "),
        ("p(95, tnspo) < 98%", "'p(95, tnspo) < 98%' has no such percentile", "write p(0 to 100, one of "),
        ("tnspo{psp=psp-z} >= 98%", "'psp-z' is no psp of the scenario", "did you mean psp-"),
        ("tgp{ec_group=psp-a} >= 98%", "'psp-a' is no ec_group of the scenario", ""),
        ("user_wait{ec_group=aci} < 3 s", "user_wait has no ec_group", "it can be broken down by psp, cart_size"),
        ("tnspo{cause=x} >= 98%", "tnspo_official has no cause", "it can be broken down by psp, ec_group, cart_size"),
    ],
)
def test_what_is_no_slo_is_said_with_what_to_write_instead(text, problem, fix):
    """In two parts, as all problems are."""
    with pytest.raises(ValueError, match=";") as error:
        parse(text, NAMES)
    said, _, instead = str(error.value).partition("; ")
    assert said == problem
    assert instead.startswith(fix)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("p(){}=<>., tnspouer_wait95%-"), max_size=40))
def test_any_text_is_read_or_refused(text):
    """Never anything else than `ValueError`."""
    try:
        read = parse(text, NAMES).text
    except ValueError as error:
        problem, semicolon, fix = str(error).partition("; ")
        read = text if problem and semicolon and fix else None
    assert read == text
