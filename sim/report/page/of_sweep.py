"""What the page of a sweep says, as names for its template."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from sim.analysis.metrics import title_of
from sim.analysis.shown import percent
from sim.analysis.slo import Slo, Verdict
from sim.experiment.sweep import Sweep, column_of
from sim.report.cells import MOST_ROWS, Cell, Table, table
from sim.report.page import making, words
from sim.report.page.figures import title_of_slo
from sim.report.page.of_run import made
from sim.report.page.origins import origins_of
from sim.report.plots import Picture, heat_map
from sim.report.plots import sweep as curve
from sim.report.plots.points import named
from sim.report.points import FIGURES, figure, shortened
from sim.scenario import slos as slo_language

MOST_METRICS, MOST_PICTURES = 5, 12
"""Metrics that the table and the curves show, and pictures of a page; the files of the sweep have all metrics."""


def content(sweep: Sweep) -> dict[str, Any]:
    """Return all that the template of a sweep has to know."""
    manifest, points = sweep.manifest, sweep.points
    scenario, varied = manifest["scenario"], list(manifest["varied"])
    names = slo_language.names_in(scenario)
    slos = [slo_language.parse(text, names) for text in scenario.get("slos", ())]
    objectives = {column_of(slo): slo for slo in reversed(slos) if not slo.dimension}
    metrics = _telling(points, [*objectives, *FIGURES])
    return {
        "scenario": scenario,
        "conclusion": _conclusion(points),
        "about": _about(manifest),
        "points": _points(points, varied, metrics, objectives, counted=manifest["replications"] == "auto"),
        "objectives": _objectives(points, slos),
        "pictures": list(islice(_pictures(points, manifest, metrics, objectives), MOST_PICTURES)),
        "glossary": words.GLOSSARY,
        "confidence": percent(scenario["run"]["confidence"]),
        "origins": origins_of(manifest),
        **made(manifest),
        "again": "\n".join([*making.checkout(manifest), making.typed(manifest)]),
    }


def _telling(points: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """Return the metrics to show: those that what was varied moves most, against the width of their intervals."""

    def moved(metric: str) -> float:
        mean, low, high = (points[f"{metric}_{part}"] for part in ("mean", "low", "high"))
        width = float((high - low).median())
        return float(mean.max() - mean.min()) / width if width > 0 else 0.0

    known = [metric for metric in dict.fromkeys(candidates) if f"{metric}_mean" in points]
    return sorted(known, key=lambda metric: -moved(metric))[:MOST_METRICS]


_SAID = {
    "fail": "an objective fails",
    "undecided": "no objective fails, but not every one is decided",
    "pass": "all objectives pass",
}


def _conclusion(points: pd.DataFrame) -> str:
    """Say at how many points an objective fails, none does, and all pass."""
    counts = Counter(points["verdict"])
    if len(points) == 1:
        return f"At the only point {_SAID[points['verdict'].iloc[0]]}."
    if len(counts) == 1:
        return f"At all {len(points):,} points {_SAID[next(iter(counts))]}."
    parts = [f"at {counts[verdict]} {what}" for verdict, what in _SAID.items() if counts[verdict]]
    return f"Of {len(points):,} points: {'; '.join(parts)}."


def _replications(manifest: Mapping[str, Any]) -> str:
    count = manifest["replications"]
    return "as many replications as it takes" if count == "auto" else f"{count} replication{'s' if count > 1 else ''}"


def _of(manifest: Mapping[str, Any]) -> str:
    """Say in a picture what its points are of."""
    scenario = manifest["scenario"]
    sure = percent(scenario["run"]["confidence"])
    return f"{named(scenario['name'])}{_replications(manifest)} of every point; intervals at {sure}."


def _about(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    scenario, settings = manifest["scenario"], manifest["scenario"]["run"]
    found = {
        "Scenario": scenario["name"],
        "Description": scenario.get("description", ""),
        "Varied": "; ".join(f"{path} = {values}" for path, values in manifest["varied"].items()),
        "Design": manifest["design"],
        "Changed for all points": ", ".join(manifest["sets"]),
        "Measured": f"{making.span(settings['window'])} after {making.span(settings['warm_up'])} of warm-up, "
        f"in {_replications(manifest)} of every point",
        "Protocol": scenario["protocol"]["preset"],
        "Made": f"with pagopa-sim {manifest['versions']['pagopa-sim']}",
    }
    return [(name, value) for name, value in found.items() if value]


def _points(
    points: pd.DataFrame, varied: Sequence[str], metrics: Sequence[str], slos: Mapping[str, Slo], *, counted: bool
) -> Table:
    """Return the table of points: what was varied, the verdict, and metrics with intervals and their own verdicts."""
    rows = [
        (
            Cell(str(point["point"])),
            *(Cell(shortened(str(point[path]))) for path in varied),
            *([Cell(str(point["replications"]))] if counted else []),
            Cell("", verdict=Verdict(point["verdict"])),
            *(_estimate(point, metric, slos.get(metric)) for metric in metrics),
        )
        for point in points.head(MOST_ROWS).to_dict("records")
    ]
    count = [Cell("replications")] if counted else []
    named = [Cell("point"), *(Cell(path, code=True) for path in varied), *count, Cell("verdict")]
    head = [*named, *(Cell(title_of(metric)) for metric in metrics)]
    left_out = len(points) - len(rows)
    note = "Shown are the metrics that move most. " + (f"{left_out:,} more points are not shown." if left_out else "")
    return table("Points of the sweep", head, rows, texts=len(named), note=note.strip())


def _objectives(points: pd.DataFrame, slos: Sequence[Slo]) -> Table:
    """Return at how many points each objective passes, fails and is undecided."""
    rows = [
        (Cell(title_of_slo(slo), slo.text), *(Cell(str(int((points[slo.text] == v.value).sum()))) for v in Verdict))
        for slo in slos
        if slo.text in points
    ]
    return table("Points at which each objective holds", ("objective", *(verdict.value for verdict in Verdict)), rows)


def _estimate(point: Mapping[Any, Any], metric: str, slo: Slo | None) -> Cell:
    return figure(point, metric, Verdict(point[slo.text]) if slo is not None and slo.text in point else None)


def _pictures(
    points: pd.DataFrame, manifest: Mapping[str, Any], metrics: Sequence[str], slos: Mapping[str, Slo]
) -> Iterator[Picture]:
    """Yield the pictures of a sweep: curves, with a line per value of the second of two paths, and maps.

    Points of a grid are joined; those of a sample or a list differ in more than the path below them.
    """
    paths, by, grid, of = list(manifest["varied"]), None, manifest["design"] == "grid", _of(manifest)
    if len(paths) == 2 and grid:
        longer, by = sorted(paths, key=lambda path: -points[path].nunique())
        paths = [longer]
    for metric in metrics:
        for path in paths:
            yield curve(points, path, metric, by=by, slo=slos.get(metric), joined=grid, of=of)
        if by is not None and metric in slos:
            yield heat_map(points, paths[0], by, metric, slos[metric], of=of)
