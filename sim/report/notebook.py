"""What results and scenarios look like in a notebook: what it is and the verdict, a few tables, and what to mind.

Here all is data, put together by type; the markup and its style are in `templates/notebook.html`, where everything that
is not this program's own is escaped. The style takes the notebook's colours, light or dark, and without it (a notebook
that is not trusted has none) the tables still say all. `_repr_html_` of the classes leads here (`sim.showing`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, singledispatch
from math import isnan
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from sim.analysis.intervals import Estimate
from sim.analysis.metrics import HEADLINE, METRICS, title_of, unit_of
from sim.analysis.paired import Difference
from sim.analysis.shown import percent, shown, shown_estimate
from sim.analysis.slo import Verdict
from sim.experiment.capacity import Capacity
from sim.experiment.compare import Comparison
from sim.experiment.run import Run
from sim.experiment.search import Found
from sim.experiment.sensitivity import Sensitivity
from sim.experiment.sweep import Sweep
from sim.kernel.distributions import Distribution
from sim.report.answers import COMPARED, answered, collapsing_there, margin_said, to_mind
from sim.report.cells import Cell, Row, Table, estimated, table
from sim.report.points import FIGURES, columns, figure
from sim.report.stories.times import lasting
from sim.report.tables import collapsing, or_collapse
from sim.scenario.load import Loaded
from sim.scenario.preflight import preflight
from sim.scenario.schema import Incident, Servers
from sim.store import read_points

MOST = 60
"""Rows of a table; the data frames have all."""
_UNPRINTABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Look:
    """All that is shown of a thing."""

    what: str
    name: str
    said: str = ""
    verdict: Verdict | None = None
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


def html(thing: object) -> str:
    """Return a piece of HTML; raises `TypeError` for what has no look."""
    return _template().render(look=look(thing))


@lru_cache(1)
def _template() -> Template:
    pieces = Environment(
        loader=PackageLoader("sim.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_printable,
    )  # fmt: skip
    pieces.filters["breakable"] = _breakable
    return pieces.get_template("notebook.html")


def _printable(value: Any) -> Any:
    """Leave nothing in a text that turns it round, or that a notebook cannot be saved with."""
    if type(value) is not str:
        return value
    return "".join(char if char.isprintable() else _UNPRINTABLE for char in " ".join(value.split()))


def _breakable(text: str) -> Markup:
    """Let a path break into lines at its dots, and an objective before its group."""
    return Markup("<wbr>{").join(Markup(".<wbr>").join(part.split(".")) for part in _printable(text).split("{"))


def _table(head: Sequence[str], rows: Sequence[Row], texts: int = 1) -> Table:
    return table("", head, rows, texts=texts, most=MOST)


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@singledispatch
def look(thing: object) -> Look:
    """Return what is shown of a thing."""
    raise TypeError(f"a {type(thing).__name__} has no look in a notebook")


# --- results --------------------------------------------------------------------------------------------------------


@look.register
def _(run: Run) -> Look:
    summary, scenario = run.summary, run.manifest["scenario"]
    interval = f"{percent(summary.confidence)} interval"
    tables = []
    if summary.slos:
        rows = [
            (
                j.slo.text,
                Cell(small=collapsing(summary, j.slo.metric), verdict=j.verdict),
                *shown_estimate(j.estimate, METRICS[j.slo.metric].unit),
            )
            for j in summary.slos
        ]
        tables.append(_table(("objective", "verdict", "estimate", interval), rows, texts=2))
    headline = [(METRICS[n].title, *or_collapse(summary, n)) for n in HEADLINE]
    tables.append(_table(("figure", "estimate", interval), headline))
    said = _several(summary.replications, "replication") + (", interrupted" if run.interrupted else "")
    verdict = summary.verdict if summary.slos else None
    notes = [_collapsed(each.metric, len(each.replications), summary.replications) for each in summary.collapses]
    return Look("Run", scenario["name"], said, verdict, tables=tables, notes=[*notes, *summary.warnings])


def _collapsed(metric: str, collapsed: int, of: int) -> str:
    return f"collapse in {collapsed} of {of} replications: the mean of {METRICS[metric].title} describes none of them"


@look.register
def _(sweep: Sweep) -> Look:
    about = sweep.manifest
    varied, slos = list(about["varied"]), about["slos"]
    names = [name for name in FIGURES if name not in slos.values()]
    wanted = [*columns(varied, slos), *(f"{m}_{end}" for m in (*slos.values(), *names) for end in ("low", "high"))]
    rows: list[Row] = [
        (
            str(point["point"]),
            *(str(point[path]) for path in varied),
            *([Cell(verdict=Verdict(point["verdict"]))] if slos else []),
            *(figure(point, name, Verdict(point[text])) for text, name in slos.items()),
            *(figure(point, name) for name in names),
        )
        for point in read_points(sweep.folder, list(dict.fromkeys(wanted)), MOST).to_dict("records")
    ]
    verdict = ["verdict"] if slos else []
    head = ["point", *varied, *verdict, *slos, *(METRICS[name].title for name in names)]
    points = _table(head, rows, texts=1 + len(varied) + len(verdict))
    left_out = about["points"] - len(rows)
    if left_out > 0:
        points = replace(points, note=f"and {left_out:,} more")
    count = about["replications"]
    each = "as many replications as each takes" if count == "auto" else f"{_several(count, 'replication')} each"
    said = f"{_several(about['points'], 'point')}, {each}"
    return Look("Sweep", about["scenario"]["name"], said, tables=[points])


@look.register
def _(found: Comparison) -> Look:
    base, *others = found.summaries
    tables = [
        _differences([d for d in found.differences if d.other == other and d.metric in COMPARED], found.confidence)
        for other in others
    ]
    verdicts = [
        (name, Cell(verdict=summary.verdict) if summary.slos else Cell("no objectives"))
        for name, summary in found.summaries.items()
    ]
    tables.append(_table(("scenario", "objectives"), verdicts, texts=2))
    count = next(iter(found.summaries.values())).replications
    notes = ["gain: how many times as many replications independent seeds would need", *to_mind(found)]
    return Look("Comparison", f"with {base}", _several(count, "replication"), tables=tables, notes=notes)


def _differences(found: Sequence[Difference], confidence: float) -> Table:
    interval = f"{percent(confidence)} interval"
    rows: list[Row] = [
        (
            title_of(row.metric),
            *(shown(mean, unit_of(row.metric)) for mean in (row.base_mean, row.other_mean)),
            *_differing(row),
            "-" if isnan(row.p_value) else f"{row.p_value:.2g}",
            "-" if isnan(row.variance_reduction) else f"{row.variance_reduction:.3g}",
        )
        for row in found
    ]
    return _table(("figure", found[0].base, found[0].other, "difference", interval, "p", "gain"), rows)


def _differing(row: Difference) -> tuple[Cell, str]:
    mean, interval = shown_estimate(row.estimate, unit_of(row.metric))
    return Cell(mean, strong=bool(row.sign)), interval


@look.register
def _(answer: Capacity) -> Look:
    found = look(answer.found)
    facts = [("objectives", ", ".join(answer.slos))]
    if answer.margin is not None:
        facts.append(("arrivals may grow by", margin_said(answer.margin)))
    name = f"{'largest' if answer.load else 'smallest'} {answer.path}"
    tables = [_curve(answer.found, answer.path, answer.unit)]
    notes = [*collapsing_there(answer), *found.notes]
    return Look("Capacity", name, answered(answer, "most"), answer.verdict, facts, tables, notes)


@look.register
def _(found: Sensitivity) -> Look:
    factors, interval = found.study.factors, f"{percent(found.base.confidence)} interval"
    said = f"{_several(len(factors), 'number')} with a range, {_several(len(found.study), 'point')}"
    untested = [each.path for each in found.untested]
    notes = [f"assumed and not moved: {_several(len(untested), 'number')}, such as {untested[0]}"] if untested else []
    if found.study.kind == "morris":
        rows: list[Row] = [
            (
                Cell(each.factor.name, strong=each.turns), each.output,
                f"{each.factor.low} to {each.factor.high}", *_known(each.weight, ".2g"),
            )
            for each in found.ledger
        ]  # fmt: skip
        table = _table(("assumed", "weighs most on", "range", "weight", interval), rows, texts=2)
        notes.append("weight: what the number moves, in distances of the objective from its limit; at 1 it may turn it")
        return Look("Sensitivity", "by Morris", said, tables=[table], notes=notes)
    rows = [
        (each.factor.name, each.output, *_known(each.first, ".2f"), *_known(each.total, ".2f"))
        for each in sorted(found.indices, key=lambda index: (index.output, -index.total.mean))
    ]
    heads = ("number", "output", "alone", interval, "with all others", interval)
    return Look("Sensitivity", "by Sobol", said, tables=[_table(heads, rows, texts=2)], notes=notes)


def _known(estimate: Estimate, form: str) -> tuple[str, str]:
    """Return a mean and its interval, or dashes for what is not known."""
    if isnan(estimate.mean):
        return "-", "-"
    return f"{estimate.mean:{form}}", f"{estimate.low:{form}} to {estimate.high:{form}}"


@look.register
def _(found: Found) -> Look:
    spent = _several(found.replications, "replication")
    notes = [spent if found.answer is None else f"{spent}; {found.reason}"]
    return Look("Search", found.outcome.value, found.text(), tables=[_curve(found, "value")], notes=notes)


def _curve(found: Found, path: str, unit: str = "") -> Table:
    """Return every value that was looked at."""
    rows: list[Row] = [
        (
            Cell(f"{visit.x:.6g} {unit}".strip(), strong=visit.x == found.answer),
            Cell(verdict=visit.evidence.verdict),
            str(visit.replications),
            *(estimated(j.estimate, METRICS[j.slo.metric].unit, j.verdict) for j in visit.evidence.judged),
        )
        for visit in found.curve
    ]
    slos = [judged.slo.text for judged in found.curve[0].evidence.judged] if found.curve else []
    return _table((path, "verdict", "replications", *slos), rows, texts=2)


# --- scenarios ------------------------------------------------------------------------------------------------------


@look.register
def _(loaded: Loaded) -> Look:
    scenario = loaded.scenario
    facts = [(name, said) for name, said in _facts(loaded) if said]
    ends = ("median", "98th percentile")
    ecs = [(ec.name, *_servers(ec), f"{ec.count:,}", *_law(ec.pa_get_payment.time)) for ec in scenario.ecs]
    psps = [(p.name, *_servers(p), *_law(p.psp_notify_payment.time), *_law(p.outcome_delay)) for p in scenario.psps]
    tables = [
        _table(("EC group", "share", "workers of each", "ECs", *(f"paGetPayment, {end}" for end in ends)), ecs),
        _table(
            ("PSP", "share", "workers", *(f"{what}, {end}" for what in ("notification", "outcome") for end in ends)),
            psps,
        ),
    ]
    if scenario.incidents:
        rows = [(each.name or str(number), *_incident(each)) for number, each in enumerate(scenario.incidents)]
        tables.append(_table(("incident", "to", "effect", "when"), rows, texts=4))
    if scenario.slos:
        tables.append(_table(("objectives",), [(text,) for text in scenario.slos]))
    notes = [f"before flight: {finding.path} {finding.problem}; {finding.fix}" for finding in preflight(loaded)]
    return Look("Scenario", scenario.name, scenario.title, facts=facts, tables=tables, notes=notes)


def _facts(loaded: Loaded) -> Iterator[tuple[str, str]]:
    scenario, run = loaded.scenario, loaded.scenario.run
    notices = sum(count * share for count, share in scenario.cart.notices.items())
    warm_up = f"after {lasting(run.warm_up)} of warm-up" if run.warm_up else "without warm-up"
    yield "", scenario.description
    yield "from", str(loaded.file)
    yield "changed", ", ".join(loaded.sets)
    yield "protocol", scenario.protocol.preset
    yield "run", f"{lasting(run.window)} {warm_up}, {_several(run.replications, 'replication')}, seed {run.seed}"
    yield "carts", f"{_arrivals(loaded)}, {notices:.3g} {'notice each' if notices == 1 else 'notices on average'}"
    count = Counter("source" if each.source is not None else "assumed" for each in loaded.provenance)
    ranged = sum(each.low is not None for each in loaded.provenance)
    if count:
        yield "numbers", f"{count['source']} with a source, {count['assumed']} assumed, {ranged} with a range"


def _arrivals(loaded: Loaded) -> str:
    arrivals = loaded.scenario.arrivals
    if loaded.trace_s is not None:
        return f"{len(loaded.trace_s):,} of a trace"
    if arrivals.ramp is not None:
        return f"up to {max(stage.rate for stage in arrivals.ramp):.4g}/s, in {_several(len(arrivals.ramp), 'stage')}"
    return f"{arrivals.rate or 0:.4g}/s{' on average, by hour of day' if arrivals.profile is not None else ''}"


def _servers(servers: Servers) -> tuple[str, str]:
    workers = "unlimited" if servers.workers is None else f"{servers.workers:,}"
    return f"{100 * servers.share:.3g}%", workers


def _law(law: Distribution) -> tuple[str, str]:
    return lasting(law.quantile(0.5)), lasting(law.quantile(0.98))


def _incident(each: Incident) -> tuple[str, str, str]:
    """Return whom it befalls, what it does, and when."""
    effect = f"{each.effect} x {each.factor:g}" if each.effect == "slowdown" else each.effect
    if each.at is not None and each.duration is not None:
        when = f"after {lasting(each.at)}, for {lasting(each.duration)}"
    else:
        when = f"at random, every {lasting(each.mtbf or 0)} for {lasting(each.mttr or 0)} on average"
    return each.target, f"{effect}{f' of {each.primitive}' if each.primitive else ''}", when
