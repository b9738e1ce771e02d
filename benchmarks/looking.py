"""How long somebody waits who looks at something that is there already.

    python -m benchmarks.looking           # 5 times each; first a million payments are made: some minutes
    python -m benchmarks.looking --quick   # once each, of a thousand payments, to see that it works

- **help**: `pagopa-sim --help`, and Python with `import sim`.
- **report**: the page of a run of `scenarios/baseline.yaml` with its ten replications, from the results on disk.
- **trace**: one payment's story, from the records of a run of `benchmarks/scenario.yaml` with a million payments.

Each is a command in a process of its own, and they are run in turn. Nothing is asserted here; `docs/performance.md`
keeps the figures.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import sim
from benchmarks.bench import Spread, machine, spread, table_of, tell
from benchmarks.commands import PROGRAM, command
from benchmarks.measure import world

BASELINE = Path(__file__).parents[1] / "scenarios" / "baseline.yaml"
GOALS_S = {"pagopa-sim --help": 0.3, "import sim": 0.3, "report of a baseline": 10.0, "trace of one payment": 2.0}


def looks(folder: Path, payments: int, sets: Sequence[str] = ()) -> dict[str, list[str]]:
    """Make the results to look at, and return what somebody types, by name."""
    reported = sim.run(BASELINE, sets=sets, jobs=None, out=folder)
    recorded = sim.run(world(payments), out=folder, record=("calls", "states"))
    rows = recorded.payments[["cart", "attempt", "notice"]]
    cart, attempt, notice = rows.iloc[len(rows) // 2]
    report = [PROGRAM, "report", str(reported.folder), "-o", str(folder / "report.html")]
    trace = [PROGRAM, "trace", str(recorded.folder), "--payment", f"0:{cart}.{attempt}.{notice}"]
    typed = [PROGRAM, "--help"], [sys.executable, "-c", "import sim"], report, trace
    return dict(zip(GOALS_S, typed, strict=True))


def waited(typed: Mapping[str, Sequence[str]], times: int) -> dict[str, dict[str, Spread]]:
    """Type everything in turn, so many times and once before, and return the seconds of each and of the processor."""
    found = [{name: command(words) for name, words in typed.items()} for _ in range(times + 1)][1:]
    return {
        name: {key: spread([getattr(each[name], key) for each in found]) for key in ("wall_s", "cpu_s")}
        for name in typed
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.looking", description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=5, help="how often each is typed (5)")
    parser.add_argument("--quick", action="store_true", help="once each, of short runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    asked = parser.parse_args(arguments)
    short = ("run.warm_up=10 s", "run.window=20 s", "run.replications=2")
    times, payments, sets = (1, 1_000, short) if asked.quick else (asked.times, 1_000_000, ())
    if times < 1:
        parser.error("type each at least once")
    where = machine()
    with TemporaryDirectory() as folder:
        found = waited(looks(Path(folder), payments, sets), times)
    title = f"{payments:,} payments to trace, {times} times each: median (least - greatest)"
    table = table_of(title, "", "seconds", "of the processor", "goal")
    for name, took in found.items():
        table.add_row(name, str(took["wall_s"]), str(took["cpu_s"]), f"< {GOALS_S[name]:g} s")
    tell(where, {"payments": payments, "seconds": found}, table, as_json=asked.json)


if __name__ == "__main__":
    main()
