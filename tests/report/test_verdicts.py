"""Verdicts for machines: what GitHub's documentation of workflow commands and JUnit's readers ask for."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

from sim.analysis.collapse import Collapse
from sim.analysis.intervals import Estimate
from sim.analysis.slo import Judged, Slo, Verdict
from sim.report.verdicts import github, junit

TNSPO, WAIT = ("tnspo_official", None, "", "", ">=", 0.98), ("user_wait", None, "", "", "<", 3.0)
OF_ONE = ("tnspo_official", None, "psp", "a,b:c", ">=", 0.98)
SUMMARY = SimpleNamespace(
    slos=(
        Judged(Slo("tnspo >= 98%", *TNSPO), Estimate(0.99, 0.985, 0.995, 10), Verdict.PASS),
        Judged(Slo("user_wait < 3 s", *WAIT), Estimate(4.0, 3.5, 4.5, 10), Verdict.FAIL),
        Judged(Slo("tnspo{psp=a,b:c} >= 98%", *OF_ONE), Estimate(0.98, 0.97, 0.99, 10), Verdict.UNDECIDED),
    ),
    slo_confidence=None,
    collapses=(),
    chance_of_collapse=lambda metric: None,
)
SHARES = Estimate(0.9, 0.88, 0.92, 7), Estimate(0.2, 0.1, 0.3, 3)
HUMPS = Collapse("paid_share", Estimate(0.3, 0.0667, 0.6525, 10), (2, 3, 8), *SHARES, 0.5)
"""Three of ten replications collapse; the interval is Clopper and Pearson's."""


def test_github_gets_a_command_for_each_objective():
    """Errors fail a check, warnings do not; %, comma and colon in a property are written %25, %2C and %3A."""
    assert github(SUMMARY, "world").splitlines() == [
        "::notice title=world%3A tnspo >= 98%25::pass: 99.000%25 (98.500%25 to 99.500%25), 10 replications",
        "::error title=world%3A user_wait < 3 s::fail: 4 s (3.5 s to 4.5 s), 10 replications",
        "::warning title=world%3A tnspo{psp=a%2Cb%3Ac} >= 98%25::"
        "undecided: 98.000%25 (97.000%25 to 99.000%25), 10 replications",
    ]


def test_github_is_warned_of_a_collapse():
    """With its probability: 3 of 10 replications, by Clopper and Pearson (6.67%, 65.25%)."""
    found = SimpleNamespace(slos=(), slo_confidence=None, collapses=(HUMPS,), replications=10)
    assert github(found, "world") == (
        "::warning title=world%3A collapse of paid_share::in 3 of 10 replications carts paid is 20.0%25, in the others "
        "90.0%25: the mean describes neither. The probability of a collapse is 30.0%25 (6.670%25 to 65.2%25)"
    )


def test_junit_has_a_case_for_each_objective():
    """Well-formed whatever a name has in it; a failure for a fail, an error for what is not known."""
    suite = ET.fromstring(junit(SUMMARY, 'wo<r>ld & "co"\x00'))  # noqa: S314 - written above
    assert {key: suite.get(key) for key in ("name", "tests", "failures", "errors")} == {
        "name": 'wo<r>ld & "co"', "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    assert [case.get("name") for case in suite] == [each.slo.text for each in SUMMARY.slos]
    assert [case[0].tag for case in suite] == ["system-out", "failure", "error"]
    assert suite[1][0].get("message") == "fail: 4 s (3.5 s to 4.5 s), 10 replications"


def test_junit_says_a_collapse_at_its_end():
    """In the words of the other formats; there is no case for it, since nobody asked for it as an objective."""
    found = SimpleNamespace(**{**vars(SUMMARY), "slos": SUMMARY.slos[1:2], "collapses": (HUMPS,), "replications": 10})
    suite = ET.fromstring(junit(found, "world"))  # noqa: S314 - written above
    assert [each.tag for each in suite] == ["testcase", "system-err"]
    assert suite[-1].text.startswith("collapse: in 3 of 10 replications carts paid is 20.0%, in the others 90.0%")


def test_verdicts_of_replications_that_were_added_say_how_sure_they_are():
    """They are judged at another confidence than that of the figures: 99.9% before the last look."""
    found = SimpleNamespace(**{**vars(SUMMARY), "slos": SUMMARY.slos[1:2], "slo_confidence": 0.999})
    said = "fail: 4 s (3.5 s to 4.5 s at 99.9%), 10 replications"
    assert github(found, "world") == f"::error title=world%3A user_wait < 3 s::{said.replace('%', '%25')}"
    suite = ET.fromstring(junit(found, "world"))  # noqa: S314 - written above
    assert (suite[0][0].get("message"), suite[0][0].text) == (said, said)


def test_an_objective_on_a_metric_that_collapses_says_so_beside_its_verdict():
    """A pass on the mean of two worlds is not read as safety; the verdict itself stays that on the mean."""
    paid = Judged(
        Slo("paid_share > 50%", "paid_share", None, "", "", ">", 0.5), Estimate(0.69, 0.6, 0.8, 10), Verdict.PASS
    )
    chance = {"paid_share": HUMPS.probability}.get
    found = SimpleNamespace(
        slos=(paid, SUMMARY.slos[1]), slo_confidence=None, collapses=(), replications=10, chance_of_collapse=chance
    )
    said = "pass: 69.0% (60.0% to 80.0%), 10 replications, but collapses in 30.0% of replications (6.670% to 65.2%)"
    first, second = github(found, "world").splitlines()
    assert first == f"::notice title=world%3A paid_share > 50%25::{said.replace('%', '%25')}"
    assert "collapse" not in second
    suite = ET.fromstring(junit(found, "world"))  # noqa: S314 - written above
    assert [each[0].text for each in suite] == [said, "fail: 4 s (3.5 s to 4.5 s), 10 replications"]
