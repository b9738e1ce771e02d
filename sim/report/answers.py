"""What experiments answer, as people read it: the capacity that is enough, and the way to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from string import ascii_uppercase

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sim.analysis.intervals import Estimate
from sim.analysis.metrics import HEADLINE, METRICS, title_of, unit_of
from sim.analysis.paired import Difference
from sim.analysis.shown import percent, shown, shown_estimate
from sim.experiment.capacity import Capacity
from sim.experiment.compare import Comparison
from sim.experiment.parting import Parting
from sim.experiment.search import Evidence, Found, Outcome
from sim.experiment.sensitivity import Sensitivity
from sim.report.points import broken
from sim.report.tables import of_collapse

MOST_NAMED = 6
LONGEST_HEAD = 20
"""A scenario whose name is longer has a letter over its column, and an objective that is longer has two lines."""
_PATH_WIDTH = 32
_STYLES = {"pass": "green", "fail": "bold red", "undecided": "yellow"}


def of_look(what: str, x: float, replications: int, found: Evidence) -> str:
    """Return a line on one look of a search."""
    return f"{what} = {x:.6g}: {found.verdict.value} after {replications} replications"


def of_capacity(answer: Capacity) -> RenderableType:
    """Return the answer, the margin, and the curve."""
    found = answer.found
    parts: list[RenderableType] = [Text(f"{answer.path}: {answered(answer)}", style="bold")]
    spent = f"{found.replications} replications"
    if answer.margin is not None:
        parts.append(Text(f"there, arrivals may grow by {margin_said(answer.margin)}"))
        spent += f", and {answer.margin.replications} for the margin"
    parts += [Text(said, style="bold red") for said in collapsing_there(answer)]
    why = "" if found.answer is None else f"; {found.reason}"
    parts += [Text(), _Curve(answer), Text(f"\n{spent}{why}")]
    return Group(*parts)


def collapsing_there(answer: Capacity) -> list[str]:
    """Return in words what collapses in some replications at the answer, although objectives may hold on its mean."""
    return [f"collapse: there, {of_collapse(each, each.probability.n)}" for each in answer.collapses]


def answered(answer: Capacity, more: str = "--max") -> str:
    """Return the answer in words; `more` is where its reader asks for more replications."""
    found, unit = answer.found, answer.unit or answer.path.rpartition(".")[2]
    if found.outcome is Outcome.EVERYWHERE:
        return f"{found.answer:.6g} {unit}, an end of the range, and the answer may lie beyond it"
    said = found.text(unit)
    return f"{said}; allow more replications with {more}" if _says_nothing(found) else said


def margin_said(margin: Found) -> str:
    """Return in words by how much arrivals may grow; by nothing only where it is known that they may not."""
    said = margin.text(digits=3)
    if margin.answer is None or _says_nothing(margin):
        return f"an unknown factor ({said})"
    if margin.outcome is Outcome.EVERYWHERE:
        return f"a factor of {margin.answer:.3g} at least"
    nothing = "nothing: " if margin.high is not None and margin.high <= 1 else ""
    return f"{nothing}a factor of {said}"


def _says_nothing(found: Found) -> bool:
    """Whether a search has an answer of which nothing is known, neither that more is needed nor that less is enough."""
    return found.answer is not None and found.low is None and found.high is None


@dataclass(frozen=True)
class _Curve:
    """The curve, as one table or, where the objectives do not fit side by side, as several, one below the other."""

    answer: Capacity

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the tables, each with as many objectives as there is room for, and one at least."""
        left = list(range(len(self.answer.slos)))
        while left:
            count = next((n for n in range(len(left), 1, -1) if self._fits(left[:n], console, options)), 1)
            yield _curve(self.answer, left[:count])
            left = left[count:]
            if left:
                yield Text()

    def _fits(self, chosen: Sequence[int], console: Console, options: ConsoleOptions) -> bool:
        unbounded = options.update(max_width=10_000)
        return Measurement.get(console, unbounded, _curve(self.answer, chosen)).maximum <= options.max_width


def _curve(answer: Capacity, chosen: Sequence[int]) -> Table:
    """Return the curve with some of the objectives."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(broken(answer.path), justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for number in chosen:
        table.add_column(answer.slos[number].replace("{", "\n{"), justify="right", overflow="fold")
    for visit in answer.found.curve:
        judged = [visit.evidence.judged[number] for number in chosen]
        figures = [" ".join(_interval(each.estimate, METRICS[each.slo.metric].unit)) for each in judged]
        verdict = visit.evidence.verdict.value
        table.add_row(
            f"{visit.x:.6g} {answer.unit}".strip(), str(visit.replications), Text(verdict, _STYLES[verdict]), *figures
        )
    return table


def _interval(estimate: Estimate, unit: str) -> tuple[str, str]:
    mean, interval = shown_estimate(estimate, unit)
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
        caption="weight: what the number moves over its range, in distances of the objective from its limit, with its "
        f"{percent(found.base.confidence)} interval; at 1 it may turn the verdict", caption_justify="left",
    )  # fmt: skip
    table.add_column("rank")
    table.add_column("assumed", no_wrap=True)
    table.add_column("range")
    table.add_column("weight", justify="right")
    table.add_column("most on", no_wrap=True)
    for row in found.ledger:
        weight = _figure(row.weight, ".2g")
        style = "bold red" if row.turns else ""
        table.add_row(
            str(row.rank), broken(row.factor.name, _PATH_WIDTH), f"{row.factor.low} to {row.factor.high}",
            Text(weight, style), row.output.replace(" ", "\n", 1) if len(row.output) > LONGEST_HEAD else row.output,
        )  # fmt: skip
    return table


def _indices(found: Sensitivity) -> Table:
    title = f"Sobol's indices, with their {percent(found.base.confidence)} intervals"
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    table.add_column("output")
    table.add_column("number", no_wrap=True)
    for name in ("alone", "with all others"):
        table.add_column(name, justify="right")
    for each in sorted(found.indices, key=lambda i: (i.output, -i.total.mean)):
        number = broken(each.factor.name, _PATH_WIDTH)
        table.add_row(each.output, number, _figure(each.first, ".2f"), _figure(each.total, ".2f"))
    return table


def _figure(estimate: Estimate, form: str) -> str:
    """Return a mean with its interval, or a dash for what is not known."""
    if isnan(estimate.mean):
        return "-"
    return f"{estimate.mean:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


COMPARED = (*HEADLINE, "outcome_delay_p98", "user_wait_p98")
"""The figures that a comparison shows; its JSON has all."""


def of_comparison(found: Comparison) -> RenderableType:
    """Return the differences of each scenario from the first in the headline figures, and the SLOs of each."""
    parts: list[RenderableType] = []
    heads = _heads(list(found.summaries))
    others = dict.fromkeys(each.other for each in found.differences)
    for other in others:
        rows = [each for each in found.differences if each.other == other and each.metric in COMPARED]
        parts += [_differences(rows, found.confidence, heads), Text()]
    verdicts = ", ".join(f"{heads[name]}: {summary.verdict.value}" for name, summary in found.summaries.items())
    parts.append(Text(f"objectives: {verdicts}"))
    parts += [Text(said, "bold red") for said in to_mind(found, heads)]
    return Group(*parts)


def to_mind(found: Comparison, heads: Mapping[str, str] | None = None) -> list[str]:
    """Return what to mind of a comparison: windows that differ, and means that describe no replication.

    `heads` is what scenarios are called, where that is not their names.
    """
    called = heads or {name: name for name in found.summaries}
    windows = {called[name]: shown(world.scenario.run.window, "s") for name, world in found.worlds.items()}
    notes = []
    if len(set(windows.values())) > 1:
        said = ", ".join(f"{name}: {window}" for name, window in windows.items())
        notes.append(f"windows differ ({said}): counts and euros are totals of windows of different lengths")
    return notes + [
        f"collapse: {called[name]}: {of_collapse(each, summary.replications)}"
        for name, summary in found.summaries.items()
        for each in summary.collapses
    ]


def _heads(names: Sequence[str]) -> dict[str, str]:
    """Return what stands over the columns of some scenarios: their names, or letters where a name is long."""
    if max(map(len, names)) <= LONGEST_HEAD:
        return {name: name for name in names}
    return {name: ascii_uppercase[n] if n < len(ascii_uppercase) else f"#{n}" for n, name in enumerate(names)}


def _differences(rows: Sequence[Difference], confidence: float, heads: Mapping[str, str]) -> Table:
    base, other = heads[rows[0].base], heads[rows[0].other]
    said = [name if name == head else f"{head}: {name}" for name, head in heads.items() if head in (base, other)]
    table = Table(
        box=None, pad_edge=False, header_style="bold", title_justify="left", caption_justify="left",
        title=f"{said[1]}, compared with {said[0]}",
        caption="gain: how many times as many replications independent seeds would need",
    )  # fmt: skip
    table.add_column("")
    for name in (base, other, "difference", f"{percent(confidence)} interval", "p", "gain"):
        table.add_column(name, justify="right")
    for row in rows:
        unit = unit_of(row.metric)
        mean, interval = shown_estimate(row.estimate, unit)
        table.add_row(
            title_of(row.metric), shown(row.base_mean, unit), shown(row.other_mean, unit),
            Text(mean, "bold" if row.sign else "dim"), interval,
            "-" if isnan(row.p_value) else f"{row.p_value:.2g}",
            "-" if isnan(row.variance_reduction) else f"{row.variance_reduction:.3g}",
        )  # fmt: skip
    return table


def of_parting(found: Parting | None, payment: str, left: str, right: str) -> RenderableType:
    """Return where one payment parts in two scenarios."""
    if found is None:
        return Text(f"payment {payment} fares alike in {left} and {right}")
    last = "from the start" if found.last is None else f"after {found.last.at_s:.3f} s, {found.last.what}"
    lines = [f"payment {payment} is the same for {found.same} moments, and parts {last}:"]
    for name, moment in ((left, found.left), (right, found.right)):
        lines.append(f"  {name}: " + ("nothing more" if moment is None else f"at {moment.at_s:.3f} s, {moment.what}"))
    return Text("\n".join(lines))
