"""Verdicts for machines: annotations of GitHub Actions, and JUnit's XML, so that a capacity check can gate a change."""

from xml.etree import ElementTree as ET

from sim.analysis.metrics import METRICS
from sim.analysis.shown import percent, shown_estimate
from sim.analysis.slo import Judged, Verdict
from sim.analysis.summary import Summary
from sim.report.tables import collapsing, of_collapse

_LEVELS = {Verdict.PASS: "notice", Verdict.FAIL: "error", Verdict.UNDECIDED: "warning"}


def github(summary: Summary, name: str) -> str:
    """Return a workflow command for each SLO: an error where it fails, a warning where it is undecided.

    A collapse is a warning too: a verdict on the mean of two worlds is one on neither.
    """
    slos = [_annotation(_LEVELS[j.verdict], f"{name}: {j.slo.text}", _said(j, summary)) for j in summary.slos]
    humps = [(each.metric, of_collapse(each, summary.replications)) for each in summary.collapses]
    return "\n".join([*slos, *(_annotation("warning", f"{name}: collapse of {of}", said) for of, said in humps)])


def _annotation(level: str, title: str, said: str) -> str:
    return f"::{level} title={_escaped(title, property_=True)}::{_escaped(said)}"


def junit(summary: Summary, name: str) -> str:
    """Return a test suite with a case for each SLO; one that is undecided is an error, for want of evidence.

    A collapse is said at its end.
    """
    counts = {verdict: sum(each.verdict is verdict for each in summary.slos) for verdict in Verdict}
    suite = ET.Element(
        "testsuite",
        name=_printable(name),
        tests=str(len(summary.slos)),
        failures=str(counts[Verdict.FAIL]),
        errors=str(counts[Verdict.UNDECIDED]),
    )
    for each in summary.slos:
        case = ET.SubElement(suite, "testcase", classname=_printable(name), name=_printable(each.slo.text))
        said = _said(each, summary)
        if each.verdict is not Verdict.PASS:
            tag = "failure" if each.verdict is Verdict.FAIL else "error"
            ET.SubElement(case, tag, message=said).text = said
        else:
            ET.SubElement(case, "system-out").text = said
    if summary.collapses:
        humps = [f"collapse: {of_collapse(each, summary.replications)}" for each in summary.collapses]
        ET.SubElement(suite, "system-err").text = "\n".join(humps)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=False)


def _said(each: Judged, summary: Summary) -> str:
    """Say a verdict with its interval, how sure that is where it is not as sure as all others, and a collapse."""
    mean, interval = shown_estimate(each.estimate, METRICS[each.slo.metric].unit)
    sure = "" if summary.slo_confidence is None else f" at {percent(summary.slo_confidence)}"
    humps = collapsing(summary, each.slo.metric)
    but = f", but {humps}" if humps else ""
    return f"{each.verdict.value}: {mean} ({interval}{sure}), {each.estimate.n} replications{but}"


def _escaped(text: str, *, property_: bool = False) -> str:
    """Escape as GitHub asks for: percent and line ends, and in properties also colon and comma."""
    for character in "%\r\n" + (":," if property_ else ""):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _printable(text: str) -> str:
    """Leave out what XML cannot say."""
    return "".join(character for character in text if character.isprintable())
