"""What experiments answer, as people read it: the capacity that is enough, and the way to it."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.analysis.metrics import METRICS
from sim.analysis.shown import shown_estimate
from sim.experiment.capacity import Capacity
from sim.experiment.search import Evidence, Found
from sim.experiment.sensitivity import Sensitivity

MOST_NAMED = 6
_STYLES = {"pass": "green", "fail": "bold red", "undecided": "yellow"}


def of_look(path: str, x: float, replications: int, found: Evidence) -> str:
    """Return a line on one look of a search."""
    return f"{path} = {x:.6g}: {found.verdict.value} after {replications} replications"


def of_capacity(answer: Capacity) -> RenderableType:
    """Return the answer, the margin, and the curve."""
    found, name = answer.found, answer.path.rpartition(".")[2]
    parts: list[RenderableType] = [
        Text(f"{answer.path}: {found.text(' '.join(filter(None, (answer.unit, name))))}", style="bold")
    ]
    if answer.margin is not None:
        parts.append(Text(f"arrivals may grow by a factor of {_factor(answer.margin)} there"))
    parts += [Text(), _curve(answer), Text(f"\n{found.replications} replications; {found.reason}")]
    return Group(*parts)


def _factor(margin: Found) -> str:
    if margin.answer is None:
        return f"an unknown amount ({margin.reason})"
    between = f", {margin.low:.3g} to {margin.high:.3g}" if margin.low is not None and margin.high is not None else ""
    return f"{margin.answer:.3g}{between} at {100 * margin.confidence:g}%"


def _curve(answer: Capacity) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(answer.path, justify="right")
    table.add_column("replications", justify="right")
    table.add_column("verdict")
    for text in answer.slos:
        table.add_column(text, justify="right")
    for visit in answer.found.curve:
        judged = visit.evidence.judged
        figures = [" ".join(_interval(each.estimate, METRICS[each.slo.metric].unit)) for each in judged]
        verdict = visit.evidence.verdict.value
        table.add_row(
            f"{visit.x:.6g} {answer.unit}".strip(), str(visit.replications), Text(verdict, _STYLES[verdict]), *figures
        )
    return table


def _interval(estimate: object, unit: str) -> tuple[str, str]:
    mean, interval = shown_estimate(estimate, unit)  # type: ignore[arg-type]
    return mean, f"({interval})"


def of_sensitivity(found: Sensitivity) -> RenderableType:
    """Return the assumption ledger, or Sobol's indices, and what was not moved."""
    points = f"{len(found.study)} points, {len(found.study.factors)} numbers with a range"
    parts: list[RenderableType] = [_ledger(found) if found.study.kind == "morris" else _indices(found)]
    parts.append(Text(f"\n{points}, by {found.study.kind}"))
    if found.untested:
        named = ", ".join(each.path for each in found.untested[:MOST_NAMED])
        more = f" and {len(found.untested) - MOST_NAMED} more" if len(found.untested) > MOST_NAMED else ""
        parts.append(Text(f"assumed and not moved: {named}{more}", style="dim"))
    return Group(*parts)


def _ledger(found: Sensitivity) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="bold", title_justify="left",
        title="Assumptions, by how much of the answer rests on them",
        caption="weight: what the number moves over its range, in distances of the objective from its limit; "
        "at 1 it may turn the verdict", caption_justify="left",
    )  # fmt: skip
    for name in ("rank", "assumed", "range"):
        table.add_column(name)
    table.add_column("weight", justify="right")
    table.add_column("most on")
    for row in found.ledger:
        weight = f"{row.weight.mean:.2g} ({row.weight.low:.2g} to {row.weight.high:.2g})"
        style = "bold red" if row.turns else ""
        table.add_row(
            str(row.rank), row.factor.name, f"{row.factor.low} to {row.factor.high}", Text(weight, style), row.output
        )
    return table


def _indices(found: Sensitivity) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title="Sobol's indices", title_justify="left")
    for name in ("output", "number"):
        table.add_column(name)
    for name in ("alone", "with all others"):
        table.add_column(name, justify="right")
    for each in sorted(found.indices, key=lambda i: (i.output, -i.total.mean)):
        shares = (f"{e.mean:.2f} ({e.low:.2f} to {e.high:.2f})" for e in (each.first, each.total))
        table.add_row(each.output, each.factor.name, *shares)
    return table
