"""What the page of a run says, as names for its template."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sim.analysis.collapse import Collapse
from sim.analysis.metrics import METRICS
from sim.analysis.shown import percent, shown
from sim.analysis.slo import Verdict
from sim.experiment.run import Run
from sim.reader import from_values
from sim.report.cells import interval
from sim.report.page import making, words
from sim.report.page.delays import delays_of
from sim.report.page.figures import tables_of, tiles_of
from sim.report.page.origins import origins_of
from sim.report.plots import OF_RUN


def content(run: Run) -> dict[str, Any]:
    """Return all that the template of a run has to know."""
    manifest, summary = run.manifest, run.summary
    return {
        "scenario": manifest["scenario"],
        "verdict": summary.verdict if summary.slos else None,
        "conclusion": _conclusion(run),
        "about": _about(run),
        "remarks": _remarks(run),
        "warnings": summary.warnings,
        "tiles": tiles_of(summary),
        "delays": delays_of(run),
        "tables": tables_of(summary, looks=manifest["stopping"] is not None),
        "pictures": {name: draw(run) for name, draw in OF_RUN.items() if name != "convergence" or run.tallies},
        "readings": words.PICTURES,
        "glossary": words.GLOSSARY,
        "confidence": percent(summary.confidence),
        "origins": origins_of(manifest),
        **made(manifest),
        "again": making.again(manifest),
    }


def made(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pages of runs and sweeps say alike of how the result was made."""
    return {
        "typed": making.typed(manifest),
        "from_values": from_values(manifest),
        "file": manifest["file"],
        "facts": making.facts(manifest),
        "yaml": making.as_yaml(making.resolved(manifest)),
        "version": manifest["versions"]["pagopa-sim"],
    }


_SAID = {
    Verdict.PASS: ("passes", "pass"),
    Verdict.FAIL: ("fails", "fail"),
    Verdict.UNDECIDED: ("is undecided", "are undecided"),
}
"""What one objective does, and what several do."""


def _conclusion(run: Run) -> str:
    """Say in a sentence how many objectives pass, fail and are undecided."""
    counts = Counter(each.verdict for each in run.summary.slos)
    total = counts.total()
    if len(counts) > 1:
        said = [f"{counts[v]} {_SAID[v][counts[v] > 1]}" for v in Verdict if counts[v]]
        return f"Of {total} objectives {', '.join(said[:-1])} and {said[-1]}."
    for verdict in counts:
        one, all_of_them = _SAID[verdict]
        return f"All {total} objectives {all_of_them}." if total > 1 else f"The only objective {one}."
    return "The scenario has no service level objectives."


def _about(run: Run) -> list[tuple[str, str]]:
    """Return what was run, as names and values."""
    scenario, settings = run.manifest["scenario"], run.manifest["scenario"]["run"]
    count, sets = run.summary.replications, run.manifest["sets"]
    measured = f"{making.span(settings['window'])} after {making.span(settings['warm_up'])} of warm-up"
    found = {
        "Scenario": scenario["name"],
        "Description": scenario.get("description", ""),
        "Changed for this run": ", ".join(sets),
        "Measured": f"{measured}, in {count} replication{'s' if count > 1 else ''}",
        "Protocol": scenario["protocol"]["preset"],
        "Made": f"{run.manifest['started'][:10]} with pagopa-sim {run.manifest['versions']['pagopa-sim']}",
    }
    return [(name, value) for name, value in found.items() if value]


def _remarks(run: Run) -> list[str]:
    """Return what a reader has to know before reading any figure."""
    said, asked, stopping = [], run.manifest["replications_asked"], run.manifest["stopping"]
    count = run.summary.replications
    if run.interrupted:
        wanted = "as many replications as it takes" if asked == "auto" else f"{asked} replications"
        said.append(f"The run was interrupted: of {wanted}, {count} were finished and are shown here.")
    elif stopping is not None and stopping["reason"] == "settled":
        said.append(f"{count} replications were enough to decide every objective and to know every headline figure.")
    elif stopping is not None:
        open_ends = [*stopping["undecided"], *stopping["imprecise"]]
        said.append(f"{count} replications, the maximum, were not enough to settle {', '.join(open_ends)}.")
    return [*said, *map(_collapse, run.summary.collapses)]


def _collapse(found: Collapse) -> str:
    """Say that a mean describes two worlds and so neither."""
    metric, chance = METRICS[found.metric], found.probability
    bad, good = (shown(group.mean, metric.unit) for group in (found.collapsed, found.healthy))
    return (
        f"Some replications collapse: in {len(found.replications)} of {chance.n} the figure \u201c{metric.title}\u201d "
        f"is {bad}, in the others {good}, and the mean describes neither. A replication collapses with a probability "
        f"of {shown(chance.mean, 'share')} ({interval(chance, 'share')})."
    )
