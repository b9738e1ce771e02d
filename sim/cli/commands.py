"""The commands of `pagopa-sim`. Each parses, calls one function, prints and exits; no logic lives here.

Exit codes: 0 done and every SLO passes; 1 an SLO fails; 2 bad input or usage; 3 undecided; 4 a fault of the program;
130 interrupted. Results go to standard output, all else to standard error. Heavy imports wait until a command needs
them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from sim.cli.main import FAULT, INTERRUPTED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sim.analysis.delays import Explained
    from sim.analysis.sequential import Rule
    from sim.experiment.run import Run
    from sim.scenario.preflight import Finding

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

AUTO: Literal["auto"] = "auto"
FAILED, BAD_INPUT, UNDECIDED = 1, 2, 3
CODES = {"pass": 0, "fail": FAILED, "undecided": UNDECIDED}

File = Annotated[Path, typer.Argument(help="A scenario file (YAML).", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value, e.g. psps.psp-a.workers=8. Repeatable."),
]
Replications = Annotated[
    str | None,
    typer.Option(metavar="N|auto", help="Replications, instead of the scenario's; auto: as many as it takes."),
]
Precision = Annotated[
    str | None, typer.Option(metavar="SHARE", help="With auto: how precise every headline figure must be (5%).")
]
Maximum = Annotated[
    int | None, typer.Option("--max", help="With auto: replications at most (200).", min=2, max=100_000)
]
Seed = Annotated[int | None, typer.Option(help="Seed, instead of the scenario's.", min=0)]
Jobs = Annotated[int | None, typer.Option(help="Processes to use; one per core unless given.", min=1)]
Out = Annotated[Path, typer.Option(help="Folder in which runs are kept.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


class RunFormat(StrEnum):
    """How a run is printed; the last two are for systems that run checks."""

    TABLE = "table"
    JSON = "json"
    GITHUB = "github"
    JUNIT = "junit"


class ReplayFormat(StrEnum):
    """How a replay is printed."""

    TABLE = "table"
    JSON = "json"
    MERMAID = "mermaid"


@app.callback()
def root() -> None:
    """Simulate payments at the creditor's front end on the pagoPA platform."""


@contextmanager
def refusing(
    interrupted: str = "interrupted before a replication was finished; nothing was kept",
) -> Iterator[None]:
    """Answer bad input with what is wrong with it, and a fault of the program with what to report."""
    try:
        from sim.experiment.executors import WorkerError
        from sim.model.run import RunError
        from sim.scenario.load import ScenarioError
        from sim.store import StoreError
    except KeyboardInterrupt:
        _interrupted(interrupted)
    try:
        yield
    except (ScenarioError, StoreError) as error:
        remark(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except (RunError, WorkerError) as error:
        remark(f"the simulator failed, and not your scenario: {error}")
        raise typer.Exit(FAULT) from None
    except KeyboardInterrupt:
        _interrupted(interrupted)


@contextmanager
def option(name: str) -> Iterator[None]:
    """Say of what cannot be read which option it is."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from None


def _interrupted(said: str) -> NoReturn:
    remark(said)
    raise typer.Exit(INTERRUPTED) from None


@app.command()
def run(
    file: File,
    replications: Replications = None,
    precision: Precision = None,
    maximum: Maximum = None,
    seed: Seed = None,
    sets: Sets = None,
    jobs: Jobs = None,
    out: Out = Path("results"),
    record: Annotated[str, typer.Option(help="Also record calls, states, or both (calls,states).")] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say where the slowest payments spend their time; records calls.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Show tokens, queues and incidents while it runs; plain lines if piped.")
    ] = False,
    quiet: Quiet = False,
    output: Annotated[RunFormat, typer.Option("--format", help="How to print the results.")] = RunFormat.TABLE,
) -> None:
    """Run a scenario: replications, headline figures with intervals, causes, indicators and verdicts.

    Exit codes: 0 every SLO passes, 1 one fails, 2 bad input or usage, 3 undecided, 4 a fault, 130 interrupted.
    """
    from sim.report.terminal import Voice

    if live and quiet:
        raise typer.BadParameter("asks for a view of the run, and --quiet for none; leave one out", param_hint="--live")
    wanted = _record(record) | ({"calls"} if explain else frozenset())
    with refusing():
        from sim.experiment.manifest import argv
        from sim.experiment.run import run as run_scenario
        from sim.report.live import watching_live
        from sim.report.progress import watching
        from sim.report.stories.slow import slowest
        from sim.scenario.load import load
        from sim.scenario.preflight import preflight

        goal = goal_of(count_of(replications), precision, maximum)
        loaded = load(file, assignments_of(sets, seed))
        before_flight({loaded.scenario.name: preflight(loaded)})
        voice = Voice(stderr=True)
        with watching_live(voice, loaded.scenario.name) if live else watching(voice, quiet=quiet) as watch:
            done = run_scenario(
                loaded, replications=goal, jobs=jobs, out=out, record=wanted, watch=watch, live=live, command=argv()
            )
        slow = slowest(done.folder) if explain else None
    _show(done, output, slow, explain=explain)
    if done.interrupted:
        asked = done.manifest["replications_asked"]
        remark(f"interrupted: {done.summary.replications} of {asked} replications were finished and kept")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(CODES[done.summary.verdict.value])


def _show(done: "Run", output: RunFormat, slow: "Explained | None", *, explain: bool) -> None:
    """Print a run and, with `explain`, where its slowest payments spend their time."""
    from sim.report.stories.slow import of_slowest
    from sim.report.tables import conclusion, of_summary
    from sim.report.verdicts import github, junit

    if output is RunFormat.JSON:
        printed(as_json({**done.to_json(), **({"slowest": slow and slow.to_json()} if explain else {})}))
    elif output is not RunFormat.TABLE:
        printed((github if output is RunFormat.GITHUB else junit)(done.summary, done.manifest["scenario"]["name"]))
    else:
        printed(of_summary(done.summary), *([of_slowest(slow, done.folder)] if explain else []))
        printed(conclusion(done.summary), *_stopped(done.manifest), f"results: {done.folder}")


def _stopped(manifest: Mapping[str, Any]) -> list[str]:
    """Say why no more replications were added."""
    stopping, count = manifest["stopping"], len(manifest["replications"])
    if stopping is None or stopping["reason"] is None:
        return []
    if stopping["reason"] == "settled":
        return [f"{count} replications: every objective is decided and every headline figure precise"]
    said = [f"{count} replications, the maximum (--max), were not enough"]
    if stopping["undecided"]:
        said.append(f"  undecided: {', '.join(stopping['undecided'])}")
    if stopping["imprecise"]:
        said.append(f"  less precise than {100 * stopping['precision']:.3g}%: {', '.join(stopping['imprecise'])}")
    return said


def assignments_of(sets: list[str] | None, seed: int | None) -> list[str]:
    """Return the assignments that options make, that of the seed among them."""
    return [*(sets or []), *([] if seed is None else [f"run.seed={seed}"])]


def count_of(text: str | None) -> int | Literal["auto"] | None:
    """Read a number of replications."""
    if text is None or text == AUTO:
        return text
    from sim.scenario.units import shown

    count = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= count <= 100_000:
        said = f"{shown(text)!r} is neither a number from 1 to 100000 nor auto"
        raise typer.BadParameter(said, param_hint="--replications")
    return count


def goal_of(count: int | Literal["auto"] | None, precision: str | None, maximum: int | None) -> "int | Rule | None":
    """Return the rule of `auto`, or the number of replications, which leaves nothing to say for a rule."""
    from sim.analysis.sequential import Rule

    if count == AUTO:
        rule = Rule() if precision is None else Rule(_precision(precision))
        return rule if maximum is None else replace(rule, maximum=maximum)
    options = {"--precision": precision, "--max": maximum}
    if given := [name for name, value in options.items() if value is not None]:
        raise typer.BadParameter("goes with --replications auto", param_hint=", ".join(given))
    return count


def _precision(text: str) -> float:
    """Read a relative precision."""
    from sim.arguments import relative

    with option("--precision"):
        return relative(text)


def _record(text: str) -> frozenset[str]:
    from sim.records import ON_REQUEST

    wanted = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not wanted <= set(ON_REQUEST):
        raise typer.BadParameter(f"{text!r} is not among {', '.join(ON_REQUEST)}", param_hint="--record")
    return wanted


@app.command()
def validate(file: File, sets: Sets = None) -> None:
    """Check a scenario and its loads without simulating."""
    with refusing():
        from sim.scenario.load import load
        from sim.scenario.preflight import preflight

        loaded = load(file, sets or [])
        findings = preflight(loaded)
    count = {0: "no remarks", 1: "1 remark"}.get(len(findings), f"{len(findings)} remarks")
    printed(*map(str, findings), f"{file}: {loaded.scenario.name} is valid, {count} before flight")


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    from sim.scenario.jsonschema import json_schema

    printed(as_json(json_schema()))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    printed(installed("pagopa-sim"))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="One case or a list of cases, as JSON.", show_default=False)],
    output: Annotated[
        ReplayFormat, typer.Option("--as", help="A table, JSON, or sequence diagrams for Mermaid.")
    ] = ReplayFormat.TABLE,
    only: Annotated[str | None, typer.Option("--case", help="Only the case with this id.")] = None,
) -> None:
    """Replay scripted payments and print every reply and every history.

    Exit codes: 0 replayed, and every reply is what its step expects; 1 one is not; 2 bad input or usage.
    """
    from sim.model.cases import CaseError, load_cases
    from sim.model.replay import replay as replayed
    from sim.report.replays import missed

    try:
        cases, remarks = load_cases(file, only)
    except CaseError as error:
        remark(str(error))
        raise typer.Exit(BAD_INPUT) from None
    for said in remarks:
        remark(said)
    done = list(replayed(cases))
    if output is ReplayFormat.JSON:
        printed(as_json([each.to_json() for each in done]))
    elif output is ReplayFormat.MERMAID:
        from sim.report.sequence import diagram, page

        printed((diagram(done[0]) if len(done) == 1 else page(done)).rstrip("\n"))
    else:
        from sim.report.replays import of_replay

        for each in done:
            printed(of_replay(each), "")
    if misses := [said for each in done for said in missed(each)]:
        remark("\n".join(misses))
        raise typer.Exit(FAILED)


def printed(*what: "RenderableType") -> None:
    """Say results; a text goes out as it is, in one piece."""
    from sim.report.terminal import Voice

    voice = Voice()
    for each in what:
        (voice.out if isinstance(each, str) else voice.print)(each)


def remark(text: str) -> None:
    """Say what is not a result."""
    from sim.report.terminal import Voice

    Voice(stderr=True).out(text)


def before_flight(found: "Mapping[str, Sequence[Finding]]") -> None:
    """Say what was found in some scenarios before they are simulated: what all of them have, then what each has."""
    common = [finding for finding in next(iter(found.values())) if all(finding in each for each in found.values())]
    said = [str(finding) for finding in common]
    said += [f"{name}: {each}" for name, findings in found.items() for each in findings if each not in common]
    for each in said:
        remark(f"pre-flight: {each}")


def as_json(values: Any) -> str:
    """Return values as JSON that any encoding of the output can carry."""
    return json.dumps(values, indent=1, allow_nan=False)
