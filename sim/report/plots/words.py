"""How metrics, scenarios and varied paths are called in a picture, with their units."""

from collections.abc import Mapping

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter

from sim.analysis import metrics
from sim.analysis.metrics import METRICS, parts_of
from sim.analysis.shown import percent
from sim.analysis.slo import Slo
from sim.experiment.run import Run
from sim.report.plots.letters import USUAL_EM, plain, wrapped

_UNITS: Mapping[str, str] = {"share": "%", "count": "number", "EUR": "euros"}


def unit_of(metric: str) -> str:
    """Return the unit of a metric, of a percentile of one, or of one in a group (`tnspo_strict{psp=psp-a}`)."""
    known = METRICS.get(parts_of(metric)[0])
    return _UNITS.get(known.unit, known.unit) if known else "value"


def title_of(metric: str) -> str:
    """Return what a metric is called."""
    name, _, group = parts_of(metric)
    title = metrics.title_of(metric) if name in METRICS else plain(metric.partition("{")[0], 40)
    return f"{title}, {plain(group, 40)}" if group else title


def label_of(metric: str, most: int = 40) -> str:
    """Return the label of an axis that has a metric, on lines of so many usual letters."""
    return wrapped(f"{title_of(metric)} ({unit_of(metric)})", most * USUAL_EM)


def limit_of(slo: Slo) -> str:
    """Return the name of a line at the limit of an SLO."""
    operator = {">=": "\u2265", "<=": "\u2264"}.get(slo.operator, slo.operator)
    return f"limit: {operator} {shown(slo.limit, unit_of(slo.metric))}"


def unit_axis(axis: Axis, unit: str) -> None:
    """Show numbers of a unit on an axis as a person reads them."""
    if unit == "%":
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}%"))
    else:
        axis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))


def shown(value: float, unit: str) -> str:
    """Return a number with its unit, as axes show it."""
    if unit == "%":
        return f"{100 * value:.3g}%"
    return f"{thousands(value)} {unit}" if unit in ("s", "min") else thousands(value)


def thousands(value: float) -> str:
    """Return a number with its thousands apart and no digits that say nothing."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def of_run(run: Run, what: str = "") -> str:
    """Say which run a picture is of."""
    count = run.summary.replications
    scenario = run.manifest["scenario"]
    title = plain(scenario.get("title") or "", 90)
    name = f"Scenario {plain(scenario['name'], 40)}{f' ({title})' if title else ''}"
    return f"{name}, {count} replication{'' if count == 1 else 's'}{f'; {what}' if what else ''}."


def together(run: Run, what: str, how: str = "mean of the replications") -> str:
    """Say what is shown, and how replications are taken together where there are several."""
    return ", ".join(part for part in (what, how if run.summary.replications > 1 else "") if part)


def band_of(confidence: float, n: int) -> str:
    """Say what a grey band about a mean of so many replications is."""
    return f"Grey: {percent(confidence)} interval of the mean." if n > 1 else ""
