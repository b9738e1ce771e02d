"""How fast both engines are: against the idiomatic SimPy model, and from 10^4 to 10^6 payments.

    make bench                                 # engines and idiomatic model in turn, 5 rounds of 20,000 payments
    python -m benchmarks.bench --scale         # the engines alone, at 10^4, 10^5 and 10^6 payments: minutes
    python -m benchmarks.bench --quick         # one small round, to see that it works

*Simulator* is the SimPy engine, the reference; *compiled* is the engine that leaves the same records row for row.
Machines are shared, so that only what is measured in turn can be compared: what counts is the ratio, not the speed.
The machine of the compiled engine is compiled before anything is measured. `docs/performance.md` explains the figures
and keeps them.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from statistics import median
from typing import Any

import simpy
from rich.console import Console
from rich.table import Table

from benchmarks.measure import COMPILED, IDIOMATIC, SIMULATOR, Measured, apart, in_turn

GOAL_RATIO, GOAL_BYTES, GOAL_DRIFT = 10.0, 400.0, 0.15
SIZES = {10_000: 5, 100_000: 2, 1_000_000: 1}
"""Payments of a run, and how many runs on the way up; all but the last again on the way down."""


@dataclass(frozen=True)
class Spread:
    """A figure over several runs."""

    median: float
    min: float
    max: float

    def __str__(self) -> str:
        if self.min == self.max:
            return _shown(self.median)
        return f"{_shown(self.median)} ({_shown(self.min)} - {_shown(self.max)})"


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and greatest."""
    return Spread(median(values), min(values), max(values))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """Return what a reader has to know of where this was measured."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "simpy": simpy.__version__,
        "numba": version("numba"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def table_of(title: str, *columns: str) -> Table:
    """Return an empty table: words on the left, figures on the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def tell(where: Mapping[str, Any], result: Mapping[str, Any], table: Table, *, as_json: bool) -> None:
    """Print what was measured, and on which machine: as one JSON object, or as a table."""
    if as_json:
        json.dump({"machine": where, **result}, sys.stdout, indent=2, default=asdict)
        print()
        return
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in where.items()), style="dim")


# --- all models in turn -------------------------------------------------------------------------------------------

ENGINES = SIMULATOR, COMPILED
CONTENDERS = (*ENGINES, IDIOMATIC)
RATIOS = {"ratio": SIMULATOR, "ratio_compiled": COMPILED}
"""Whose ratio to the idiomatic model it is."""
COLUMNS = {
    SIMULATOR: "simulator",
    COMPILED: "compiled",
    IDIOMATIC: "idiomatic SimPy",
    "ratio": "simulator ratio",
    "ratio_compiled": "compiled ratio",
}
FIGURES = {
    "per_cpu_s": "payments per CPU second",
    "per_wall_s": "payments per second",
    "events_per_payment": "events per payment",
    "bytes_per_payment": "bytes per payment beyond the base",
    "base_mb": "base, MB",
}
GOALS = {"per_cpu_s": f"ratio >= {GOAL_RATIO:g}", "bytes_per_payment": f"engine <= {GOAL_BYTES:g}"}


def compared(found: Sequence[Mapping[str, Measured]]) -> dict[str, Any]:
    """Return each figure of every contender, and the ratio of each engine to the idiomatic model, round by round."""
    return {
        name: _compared([{model: float(getattr(each[model], name)) for model in each} for each in found])
        for name in FIGURES
    }


def _compared(values: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    models = {model: spread([each[model] for each in values]) for model in CONTENDERS}
    ratios = {
        ratio: spread([each[engine] / max(each[IDIOMATIC], 1e-9) for each in values])
        for ratio, engine in RATIOS.items()
    }
    return models | ratios


def comparison_table(figures: Mapping[str, Any], rounds: int, payments: int) -> Table:
    """Show every contender, the ratios and the goals."""
    title = f"{payments:,} payments, {rounds} round{'s' if rounds > 1 else ''} in turn: median (least - greatest)"
    table = table_of(title, "", *COLUMNS.values(), "goal")
    for name, figure in figures.items():
        table.add_row(FIGURES[name], *(str(figure[key]) for key in COLUMNS), GOALS.get(name, ""))
    return table


# --- from small to large ------------------------------------------------------------------------------------------


def scaled(sizes: Mapping[int, int]) -> dict[str, dict[str, Any]]:
    """Run both engines up and down the sizes, so that a drift of the machine hits all of them alike."""
    upwards = [size for size, runs in sizes.items() for _ in range(runs)]
    order = (*upwards, *reversed(upwards[:-1]))
    found = [(engine, size, apart(engine, size)) for size in order for engine in ENGINES]
    return {
        engine: _scale({size: [run for by, of, run in found if (by, of) == (engine, size)] for size in sizes})
        for engine in ENGINES
    }


def _scale(found: Mapping[int, Sequence[Measured]]) -> dict[str, Any]:
    """Return the cost of a payment at each size, of the runs of one engine."""
    cost_us = {size: spread([1e6 / each.per_cpu_s for each in runs]) for size, runs in found.items()}
    most = [max(runs, key=lambda each: each.peak_bytes) for runs in found.values()]
    large, larger = most[-2:]
    return {
        "sizes": [
            {
                "payments": size,
                "cpu_us_per_payment": cost_us[size],
                "change": cost_us[size].median / next(iter(cost_us.values())).median - 1,
                "wall_s": median(each.wall_s for each in found[size]),
                "bytes_per_payment": peak.bytes_per_payment,
            }
            for size, peak in zip(found, most, strict=True)
        ],
        "slope_bytes_per_payment": (larger.peak_bytes - large.peak_bytes) / (larger.payments - large.payments),
    }


def scale_table(scales: Mapping[str, Mapping[str, Any]]) -> Table:
    """Show the cost of a payment by each engine at each size."""
    table = table_of(
        f"Both engines, from small to large (goals: cost within {GOAL_DRIFT:.0%}, at most {GOAL_BYTES:g} bytes)",
        "", "payments", "CPU us per payment", "change", "seconds", "bytes per payment beyond the base",
    )  # fmt: skip
    for engine, scale in scales.items():
        for each in scale["sizes"]:
            table.add_row(
                COLUMNS[engine],
                f"{each['payments']:,}",
                str(each["cpu_us_per_payment"]),
                f"{each['change']:+.0%}",
                f"{each['wall_s']:.1f}",
                f"{each['bytes_per_payment']:.0f}",
            )
    slopes = ", ".join(f"{COLUMNS[engine]} {scale['slope_bytes_per_payment']:.0f}" for engine, scale in scales.items())
    table.caption = f"bytes for each payment more between the last two: {slopes}"
    table.caption_justify = "left"
    return table


# --- command ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print it.

    In the JSON of `--scale` the SimPy engine's figures are outermost, those of the compiled engine under its name.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--rounds", "--pairs", type=int, default=5, help="runs of each model (5)")
    parser.add_argument("--payments", type=int, default=20_000, help="payments of a run, about (20000)")
    parser.add_argument("--quick", action="store_true", help="one round of 1000 payments")
    parser.add_argument("--scale", action="store_true", help="the engines alone, from 10^4 to 10^6 payments")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    asked = parser.parse_args(arguments)
    rounds, payments, sizes = (1, 1_000, {100: 1, 1_000: 1}) if asked.quick else (asked.rounds, asked.payments, SIZES)
    if rounds < 1 or payments < 1:
        parser.error("measure at least one round of one payment")
    from sim.compiled.engine import compile_machine  # noqa: PLC0415 - `tell` and others have no need of Numba

    where = machine()
    compile_machine()
    if asked.scale:
        scales = scaled(sizes)
        result = {**scales[SIMULATOR], COMPILED: scales[COMPILED]}
        table = scale_table(scales)
    else:
        figures = compared(in_turn(CONTENDERS, rounds, payments))
        result = {"rounds": rounds, "payments": payments, "figures": figures}
        table = comparison_table(figures, rounds, payments)
    tell(where, result, table, as_json=asked.json)


if __name__ == "__main__":
    main()
