"""Summaries read back from the document that they were written as, so that a stored run shows the figures it had.

The inverse of `Summary.to_json`; what was not finite comes back as NaN. Objectives are given as they were parsed, since
the document has them as text.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any

from sim.analysis.collapse import Collapse
from sim.analysis.indicators import Indicator
from sim.analysis.intervals import Estimate
from sim.analysis.slo import Judged, Slo, Verdict
from sim.analysis.summary import Summary
from sim.analysis.theory import Neighbour

_PARTS = ("mean", "low", "high")


def summary_of(document: Mapping[str, Any], slos: Sequence[Slo]) -> Summary:
    """Return the summary that a document was made from; raises `ValueError` for a document of another structure."""
    try:
        opened, curve = document["open_tokens"], document["outcome_curve"]
        count = document["replications"]
        return Summary(
            confidence=document["confidence"],
            replications=count,
            metrics=_estimates(document["metrics"]),
            by=_estimates(document["by"]),
            slos=tuple(_judged(slo, said) for slo, said in zip(slos, document["slos"], strict=True)),
            indicators=tuple(map(_indicator, document["indicators"])),
            stations=_estimates(document["stations"]),
            calls=_estimates(document["calls"]),
            refusals=_estimates(document["refusals"]),
            money=_estimates(document["money"]),
            open_tokens_at_s=tuple(opened["at_s"]),
            open_tokens=tuple(_moments(opened, count)),
            outcome_curve={psp: tuple(map(_number, shares)) for psp, shares in _curves(curve)},
            warnings=tuple(document["warnings"]),
            collapses=tuple(map(_collapse, document["collapses"])),
            neighbours={name: _neighbour(said) for name, said in document.get("neighbours", {}).items()},
            slo_confidence=_other(document.get("slo_confidence"), document["confidence"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a summary of this version ({type(error).__name__}: {error})") from error


def _estimates(values: Mapping[str, Any]) -> Any:
    """Return the estimates of a tree of names."""
    if set(values) == {*_PARTS, "n"}:
        return _estimate(values)
    return {name: _estimates(each) for name, each in values.items()}


def _estimate(values: Mapping[str, Any]) -> Estimate:
    mean, low, high = (_number(values[part]) for part in _PARTS)
    return Estimate(mean, low, high, values["n"])


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def _neighbour(said: Mapping[str, Any]) -> Neighbour:
    numbers = {key: _number(value) for key, value in said.items() if key not in ("model", "exact", "caveats")}
    return Neighbour(model=said["model"], exact=said["exact"], caveats=tuple(said["caveats"]), **numbers)


def _other(confidence: float | None, usual: float) -> float | None:
    """Return a confidence that is not the usual one."""
    return None if confidence == usual else confidence


def _moments(opened: Mapping[str, Any], count: int) -> Iterator[Estimate]:
    """Yield the tokens open at each moment; every replication has some, if only none."""
    for mean, low, high in zip(*(opened[part] for part in _PARTS), strict=True):
        yield Estimate(_number(mean), _number(low), _number(high), count)


def _judged(slo: Slo, said: Mapping[str, Any]) -> Judged:
    return Judged(slo, _estimate(said), Verdict(said["verdict"]))


def _indicator(said: Mapping[str, Any]) -> Indicator:
    name, title, subject = (said[key] for key in ("indicator", "title", "subject"))
    return Indicator(name, title, subject, _estimate(said), said["threshold"], Verdict(said["verdict"]))


def _collapse(said: Mapping[str, Any]) -> Collapse:
    probability, healthy, collapsed = (_estimate(said[key]) for key in ("probability", "healthy", "collapsed"))
    return Collapse(said["metric"], probability, tuple(said["replications"]), healthy, collapsed, said["threshold"])


def _curves(curve: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[float | None]]]:
    return [*([("", curve["share"])] if curve["share"] else []), *curve["by_psp"].items()]
