"""Whatever a file holds: it loads, or `ScenarioError` says why not; nothing else comes out."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.scenario.load import ScenarioError, load
from sim.scenario.preflight import preflight

from .conftest import SMALL

RICH = (
    SMALL
    + """\
run: {warm_up: 0, window: 1 h, replications: 3, seed: 7, confidence: 95%}
protocol: {preset: nodo-observed, token_extension: none, idempotency: true}
cart: {notices: {1: 80%, 2: 20%, assumed: published nowhere}, amount: {value: 12 EUR, range: [5 EUR, 20 EUR]}}
citizen:
  think_time: {mixture: [{weight: 90%, exponential: {mean: 9 s}}, {weight: 10%, constant: 3 s}], truncate: {high: 1 h}}
  retry: &retry {probability: 50%, max_tries: 3, wait: {uniform: {low: 1 s, high: 9 s}, shift: 1 s}}
checkout: {authorisation: {time: {scipy: {name: gamma, a: 2, scale: 9 s}}, denied: 3%}}
node: {processing: {workers: 4, service_time: {quantiles: {0%: 0 s, 50%: 20 ms, 100%: 1 s}}}, ec_pool: {size: 9}}
links: {node_ec: {latency: {pareto: {p50: 5 ms, p98: 50 ms}}}, node_psp: {latency: {weibull: {scale: 1 ms, shape: 2}}}}
incidents:
  - {name: x, target: psps.psp-a, effect: mix, ends: {ko: 9%, hang: {probability: 1%, time: 9 s}}, at: 0, duration: 9 s}
  - {target: ecs.ec-1, effect: slowdown, factor: 3, mtbf: 1 h, mttr: 5 min}
slos: [tnspo >= 98%, "p(95, user_wait{psp=psp-b}) < 3 s", "reversal_eur < 100 EUR"]
"""
)
LINES = RICH.splitlines(keepends=True)
WORDS = (
    "~", "", "-1", "1e309", ".nan", ".inf", "true", "[]", "{}", "[[1]]", "{a: 1}", "*retry", "&a 1", "!!set {a}",
    "<<: *retry", "? x", "0x1F", "1_000", "2024-01-01", "'", '"', "#", "|", ">", "%", "@", "- ", ": ", "\t", "98%",
    "5 s", "5 EUR", "10/s", "extends: s.yaml", "{value: 1, range: [1, 2]}", "9" * 50, "\0", "\x1b", "é", "\U0001F600",
    "0x" + "F" * 5_000, '"\\ud800"',
)  # fmt: skip

places = st.integers(0, len(LINES) - 1)
words = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
"""What may be written where something else was."""


changes = st.one_of(
    st.tuples(st.just("drop"), places),
    st.tuples(st.just("double"), places),
    st.tuples(st.just("swap"), places, places),
    st.tuples(st.just("write"), places, words),
    st.tuples(st.just("indent"), places, st.integers(0, 8)),
    st.tuples(st.just("cut"), places, st.integers(0, 100), st.integers(0, 12), words),
)


def changed(text_lines, change):
    """Return the lines with one change made."""
    lines, (what, at, *rest) = list(text_lines), change
    at = min(at, len(lines) - 1)
    match what:
        case "drop":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case "swap":
            lines[at], lines[min(rest[0], len(lines) - 1)] = lines[min(rest[0], len(lines) - 1)], lines[at]
        case "write":
            lines[at] = rest[0] + "\n"
        case "indent":
            lines[at] = " " * rest[0] + lines[at].lstrip()
        case "cut":
            start, length, word = rest
            lines[at] = lines[at][:start] + word + lines[at][start + length :]
    return lines or [""]


def outcome(file, sets=()):
    """Load and check a file; return the problems that were found, if any."""
    try:
        preflight(load(file, sets))
    except ScenarioError as error:
        problems, printed = error.problems, str(error)
    else:
        problems, printed = (), ""
    assert len(printed.splitlines()) == len(problems)
    assert all(problem.problem and problem.fix for problem in problems)
    return problems


def test_the_text_that_is_mutilated_is_whole(tmp_path):
    """Otherwise every change would be refused for the same reason."""
    (tmp_path / "s.yaml").write_text(RICH, encoding="utf-8")
    assert outcome(tmp_path / "s.yaml") == ()


FILES = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FILES
@given(st.lists(changes, min_size=1, max_size=4))
def test_lines_dropped_doubled_swapped_or_overwritten_never_end_in_a_traceback(tmp_path: Path, made):
    """Up to four changes of whole lines, of their indentation, and of pieces of them."""
    lines = LINES
    for change in made:
        lines = changed(lines, change)
    (tmp_path / "s.yaml").write_text("".join(lines), encoding="utf-8", errors="surrogatepass")
    outcome(tmp_path / "s.yaml")


@FILES
@given(st.integers(0, len(RICH.encode())), st.integers(0, 20), st.binary(max_size=12))
def test_bytes_overwritten_never_end_in_a_traceback(tmp_path: Path, start, length, written):
    """Anything, anywhere, of any encoding."""
    data = RICH.encode()
    (tmp_path / "s.yaml").write_bytes(data[:start] + written + data[start + length :])
    outcome(tmp_path / "s.yaml")


@FILES
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data):
    """Most of them are no YAML."""
    (tmp_path / "s.yaml").write_bytes(data)
    assert outcome(tmp_path / "s.yaml")


paths = st.lists(
    st.sampled_from([
        "psps", "psp-a", "psp-b", "0", "1", "ecs", "ec-1", "run", "seed", "citizen", "think_time", "mixture", "retry",
        "wait", "outcome_delay", "p98", "lognormal", "share", "cart", "notices", "2", "amount", "incidents", "x",
        "ends", "slos", "value", "source", "extends", "<<", "", "node", "service_time", "50%", "arrivals", "ramp",
        "trace",
    ]),
    min_size=1,
    max_size=5,
).map(".".join)  # fmt: skip


@settings(FILES, max_examples=100)
@given(st.lists(st.one_of(st.tuples(paths, words).map("=".join), st.text(max_size=30)), min_size=1, max_size=3))
def test_assignments_never_end_in_a_traceback(tmp_path: Path, sets):
    """Paths that lead somewhere, or nowhere, and values of any kind."""
    (tmp_path / "s.yaml").write_text(RICH, encoding="utf-8")
    outcome(tmp_path / "s.yaml", sets)
