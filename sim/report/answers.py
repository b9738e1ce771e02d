"""What experiments answer, as people read it: the capacity that is enough, and the way to it."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.analysis.metrics import METRICS
from sim.analysis.shown import shown_estimate
from sim.experiment.capacity import Capacity
from sim.experiment.search import Evidence, Found

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
