"""The live view: a dashboard that fits its terminal, plain lines elsewhere, and a run that does not notice."""

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import sim.report.live
import sim.report.progress
from report.consoles import Clock
from sim.cli.main import main
from sim.experiment.run import Progress
from sim.experiment.run import run as run_scenario
from sim.model.run import replicate
from sim.model.snapshot import IncidentSeen, Snapshot, StationSeen
from sim.report.live import watching_live
from sim.report.terminal import Voice
from sim.scenario.load import load

ROOT = Path(__file__).parents[2]
SMALL = """\
name: small
run: {warm_up: 0 s, window: 2 min, replications: 2, seed: 3}
arrivals: {rate: 1/s}
citizen: {abandon: 20%}
ecs: [{name: ec-1, share: 100%}]
psps: [{name: psp-a, share: 100%, pspNotifyPaymentV2: {ends: {ko: 20%}}}]
slos: [token_expiry_rate < 90%]
"""
"""About 120 payments in each replication."""

FIRST = Snapshot(
    replication=0,
    now_s=1200.0,
    warm_up_s=600.0,
    arrivals_end_s=4200.0,
    ended=False,
    finished=5000,
    issued=6000,
    authorised=5500,
    paid=5000,
    open_tokens=700,
    closed_carts=8,
    cancelled={"abandoned": 200, "psp_refused": 2, "user_cancelled": 98},
    reversed={"psp_refused": 2},
    reversed_cents={"psp_refused": 12345},
    stations=(
        StationSeen("node", 1.0, 4.0, 0.0, 0),
        StationSeen("psps.psp-a", 2.0, 2.0, 12.34, 5),
        StationSeen("ecs.ec", 3.0, None, 0.0, 1),
    ),
    incidents=(IncidentSeen("psps.psp-a", "outage", "", 1200.0, 2400.0),),
)
SECOND = replace(
    FIRST,
    now_s=1260.0,
    issued=6300,
    paid=5120,
    cancelled={"abandoned": 210, "outcome_missing_unknown": 42, "psp_refused": 3},
    reversed={"psp_refused": 3, "token_expired": 40},
    reversed_cents={"psp_refused": 20000, "token_expired": 1234500},
)
"""A minute later: 300 more tokens and 120 more paid; 252 of 6300 tokens, or 4%, are expired."""


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by which lines and pictures are paced."""
    clock = Clock()
    monkeypatch.setattr(sim.report.progress, "time", clock)
    monkeypatch.setattr(sim.report.live, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    """Let the terminal be one that can move its cursor, and of no stated width."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)


def far(snapshot, done=0, of=10):
    """Return how far a run of ten replications is whose replication looks so."""
    return Progress(3600.0, 42000.0, 6000, done, of, snapshot)


def piped(*reports, clock, every_s=1.0):
    """Return the lines written when reports come at a pace."""
    console = Voice()
    console.file = memory = io.StringIO()
    console._force_terminal = False
    with watching_live(console, "small") as watch:
        for each in reports:
            clock.now_s += every_s
            watch(each)
    return memory.getvalue().splitlines()


class Tty(io.TextIOWrapper):
    """A text file in memory that says that it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


def terminal(width, height, encoding="utf-8"):
    """Return a terminal of a size that writes to memory."""
    return Console(
        file=Tty(io.BytesIO(), encoding=encoding), force_terminal=True, width=width, height=height, color_system=None
    )


def pictured(*snapshots, width=80, height=24, encoding="utf-8", name="small"):
    """Return the lines of the dashboard after some snapshots."""
    console, view = terminal(width, height, encoding), sim.report.live._View(name)
    for each in snapshots:
        view.hear(far(each))
    with console.capture() as captured:
        console.print(view.dashboard(console))
    return captured.get().splitlines()


def test_a_pipe_gets_the_figures_in_one_line(clock):
    """Rates are of simulated time: 300 tokens in a minute are 5 a second, 120 paid are 2; 252 of 6300 are 4%."""
    _, line = piped(far(FIRST), far(SECOND), clock=clock, every_s=6.0)
    assert line == (
        "0/10 replications, 1.00 of 11.67 h simulated, 6,000 payments, 0/s; replication 0 at 21:00 (measured window): "
        "tokens issued 6,300 (5.0/s now), paid 5,120 (2.0/s now), open 700, closed carts waiting 8, "
        "expired 252 (4.00%), refused by the PSP 3, reversed 43 (12,545.00 EUR), calls refused 6, "
        "queues psps.psp-a 12.3, outage of psps.psp-a since 20:00, 19:00 to go"
    )


def test_lines_come_every_five_seconds_at_most_and_for_the_last_replication(clock):
    """Of 12 reports, a second apart, those at 5 and 10 s; one more comes 1 s later and is the last."""
    reports = [replace(FIRST, now_s=1200.0 + 60 * n) for n in range(12)]
    lines = piped(*map(far, reports), far(replace(FIRST, ended=True), done=10), clock=clock)
    assert [re.search(r"at (\d+:\d+)", line)[1] for line in lines[:2]] == ["24:00", "29:00"]
    assert len(lines) == 3
    assert lines[2].startswith("10/10 replications")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(clock, monkeypatch):
    """As a log viewer or an editor's shell."""
    monkeypatch.setenv("TERM", "dumb")
    console = terminal(80, 24)
    with watching_live(console, "small") as watch:
        clock.now_s += 6
        watch(far(FIRST))
    console.file.seek(0)
    written = console.file.read()
    assert "\x1b" not in written
    assert written.count("\n") == 1


def test_a_log_with_colours_gets_lines(clock, monkeypatch):
    """As where FORCE_COLOR is set for logs: a file is no terminal, whatever rich is told."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = Voice()
    console.file = memory = io.StringIO()
    with watching_live(console, "small") as watch:
        clock.now_s += 6
        watch(far(FIRST))
    assert console.is_terminal
    assert memory.getvalue().startswith("0/10 replications")


def test_the_dashboard_has_the_figures_of_the_snapshot():
    """At 80 columns: counts, rates, shares, causes, stations and the incident under way."""
    lines = pictured(FIRST, SECOND)
    found = {line.split("  ")[0]: re.split(r" {2,}", line)[1:3] for line in lines}
    assert found["issued"] == ["6,300", "5.0/s now"]
    assert found["paid"] == ["5,120", "2.0/s now"]
    assert found["open now"] == ["700", "8 closed carts waiting"]
    assert found["expired"] == ["252", "4.00%"]
    assert found["refused by the PSP"] == ["3", "0.05%"]  # of 5500 authorised
    assert found["reversed"] == ["43", "0.78%"]
    assert any("12,545.00 EUR" in line for line in lines)
    assert "expired: abandoned 210, outcome_missing_unknown 42" in lines
    assert "reversed: token_expired 40, psp_refused 3" in lines
    stations = {line.split()[0]: line.split()[1:6] for line in lines if line}
    assert stations["psps.psp-a"] == ["2.0", "2", "100%", "12.3", "5"]
    assert stations["ecs.ec"] == ["3.0", "-", "-", "0.0", "1"]  # unlimited
    assert lines[-1] == "outage of psps.psp-a since 20:00, 19:00 to go"


def test_histories_are_drawn_to_their_highest():
    """Tokens issued at 5, 2.5 and 0 a second: a full cell, half of it, and none."""
    issued = [6000, 6300, 6450, 6450]
    lines = pictured(*(replace(FIRST, now_s=1200.0 + 60 * n, issued=each) for n, each in enumerate(issued)))
    (line,) = (line for line in lines if line.startswith("issued"))
    assert line.split()[-1] == "█▅▁"
    (header,) = (line for line in lines if line.startswith("Tokens"))
    assert header.endswith("last 3:00")


MANY = replace(
    SECOND,
    cancelled=dict.fromkeys(("abandoned", "activation_failed", "close_not_delivered", "outcome_late"), 1_234_567),
    reversed=dict.fromkeys(("psp_refused", "psp_unreachable", "token_expired", "close_rejected"), 1_234_567),
    reversed_cents={"psp_refused": 123_456_789_012},
    issued=123_456_789,
    stations=tuple(StationSeen(f"ecs.a-very-long-name-{n}", n, 10_000.0, 123_456.7, 999_999) for n in range(40)),
    incidents=tuple(
        IncidentSeen("psps.a-psp-with-a-very-long-name-indeed-so-it-is", "lost_replies", "pspNotifyPaymentV2", n, 9e5)
        for n in range(8)
    ),
)
"""More than fits anywhere."""


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (60, 24)])
@pytest.mark.parametrize("last", [SECOND, MANY])
def test_the_dashboard_fits_its_terminal(width, height, last):
    """No line is wider than the terminal, and there are no more of them than it has."""
    lines = pictured(replace(last, now_s=1200.0), last, width=width, height=height, name="n" * 300)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= height
    assert any(line.startswith(("outage of psps", "lost_replies of psps")) for line in lines)


def test_small_terminals_show_what_fits():
    """Stations give way to incidents and tokens; nothing breaks."""
    assert max(map(cell_len, pictured(MANY, width=30, height=8))) <= 30


def test_where_room_is_short_the_stations_under_pressure_are_shown():
    """In a terminal of 24 lines six have room: two with queues and one with an incident are among them, in order."""
    calm = [StationSeen(f"ecs.calm-{n}", 1.0, 10.0, 0.0, 0) for n in range(20)]
    stations = (
        *calm[:10],
        StationSeen("psps.busy", 1.0, 1.0, 3.0, 0),
        *calm[10:],
        StationSeen("psps.full", 2.0, 2.0, 9.0, 0),
        StationSeen("psps.psp-a", 0.0, 16.0, 0.0, 0),
    )
    lines = pictured(replace(FIRST, stations=stations))
    assert any(line.startswith("Stations  6 of 23") for line in lines)
    shown = [line.split()[0] for line in lines if line.startswith(("ecs.", "psps."))]
    assert len(shown) == 6
    assert [each for each in shown if each.startswith("psps.")] == ["psps.busy", "psps.full", "psps.psp-a"]


def test_a_terminal_without_utf_8_gets_ascii():
    """Nothing in it needs another encoding."""
    assert "\n".join(pictured(FIRST, SECOND, encoding="ascii")).isascii()


def test_the_first_replication_under_way_is_watched_until_it_has_ended():
    """Then the next; what others say meanwhile is only counted."""
    view = sim.report.live._View("small")
    watched = []
    for each in (
        replace(FIRST, replication=1),
        replace(FIRST, replication=0),
        replace(FIRST, replication=1, now_s=1260.0),
        replace(FIRST, replication=0, now_s=1260.0),
        replace(FIRST, replication=0, now_s=9000.0, ended=True),
        replace(FIRST, replication=2, now_s=60.0),
        replace(FIRST, replication=1, now_s=9000.0, ended=True),
        replace(FIRST, replication=2, now_s=9000.0, ended=True),
    ):
        view.hear(far(each))
        watched.append((view.history[-1].replication, view.history[-1].now_s, len(view.under_way)))
    assert watched == [
        (1, 1200, 1), (0, 1200, 2), (0, 1200, 2), (0, 1260, 2), (1, 1260, 1), (1, 1260, 2), (2, 60, 1), (2, 9000, 0),
    ]  # fmt: skip


def test_a_terminal_gets_a_screen_of_its_own_and_has_its_old_one_back(clock):
    """The dashboard is on the alternate screen, drawn twice a second at most, and leaves nothing behind."""
    console = terminal(80, 24)
    with watching_live(console, "small") as watch:
        for each in range(10):
            clock.now_s += 0.2
            watch(far(replace(FIRST, now_s=1200.0 + each)))
    console.file.seek(0)
    written = console.file.read()
    assert written.startswith("\x1b[?1049h")
    assert written.endswith(("\x1b[?1049l\x1b[?25h", "\x1b[?25h\x1b[?1049l"))  # and the cursor
    assert written.count("replication 0") == 4  # at once, and after 0.6, 1.2 and 1.8 s


class _EnoughError(Exception):
    """The run has come to the moment of the picture."""


def test_the_page_shows_what_is_seen_of_the_scenario_it_names():
    """The picture and the line of the page, but for what depends on the machine: how fast, and how long yet."""
    page = (ROOT / "docs" / "how-to" / "watch.md").read_text(encoding="utf-8")
    picture, line = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    view, console = sim.report.live._View("psp_outage"), terminal(80, 24)

    def live(lookout):
        view.hear(Progress(lookout.world.clock.now, 42000.0, 0, 0, 10, lookout.snapshot()))
        if lookout.world.clock.now == 38 * 60:
            raise _EnoughError

    with pytest.raises(_EnoughError):
        replicate(load(ROOT / "scenarios" / "psp_outage.yaml"), 0, live=live)
    with console.capture() as captured:
        console.print(view.dashboard(console))
    drawn = [each.rstrip() for each in captured.get().splitlines()]
    assert drawn[2:] == picture.splitlines()[2:]
    assert view.line().split("; ")[1] == line.rstrip().split("; ")[1]


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Return a function that calls `pagopa-sim run` with a small scenario, each time into a folder of its own."""
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sim.report.live, "LINES_EVERY_S", 0.0)
    monkeypatch.setattr(sim.experiment.replications, "REPORT_EVERY_S", 0.0)
    monkeypatch.setattr(sim.experiment.replications, "LOOKING_SHARE", 1e9)

    def call(out, *words):
        monkeypatch.setattr(sys, "argv", ["pagopa-sim", "run", "small.yaml", "--out", out, *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def kept(folder):
    """Return the bytes of every table of the only run in a folder."""
    (run,) = folder.glob("small/*")
    return {file.name: file.read_bytes() for file in run.glob("*.parquet")}


def test_results_are_the_same_whether_or_not_somebody_watches(command, tmp_path):
    """Exit code, tables printed, and every byte of the tables kept; what is watched goes to standard error."""
    code, printed, _ = command("plain", "--jobs", "1", "--quiet")
    for out, jobs in (("watched", "1"), ("apart", "2")):
        live_code, live_printed, said = command(out, "--live", "--jobs", jobs)
        assert live_code == code == 0
        assert live_printed.splitlines()[:-1] == printed.splitlines()[:-1]
        assert kept(tmp_path / out) == kept(tmp_path / "plain")
        assert re.search(r"2/2 replications.*; replication \d at .*\(ended\): tokens issued \d+.*open 0", said)


def test_json_stays_alone_on_standard_output(command):
    """The view goes to standard error, so that both can be asked for at once."""
    _, printed, said = command("out", "--live", "--jobs", "1", "--format", "json")
    assert json.loads(printed)["manifest"]["replications"] == [0, 1]
    assert "tokens issued" in said


def test_quiet_and_live_contradict_each_other(command, tmp_path):
    """A usage error, and nothing is written."""
    code, _, said = command("out", "--live", "--quiet")
    assert code == 2
    assert "--quiet" in said
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_is_finished(command, monkeypatch):
    """Pressed in the second replication: exit code 130, and the first one is summarised, as without --live."""
    hear = sim.report.live._View.hear

    def pressed(view, far):
        hear(view, far)
        if far.snapshot is not None and far.snapshot.replication == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(sim.report.live._View, "hear", pressed)
    code, printed, said = command("out", "--live", "--jobs", "1")
    assert code == 130
    assert "interrupted: 1 of 2 replications were finished and kept" in said
    assert "Headline, 1 replication" in printed


def test_snapshots_come_back_from_other_processes(tmp_path):
    """From every replication, the last of each before it counts as finished; without `live` there are none."""
    (tmp_path / "small.yaml").write_text(SMALL)
    loaded = load(tmp_path / "small.yaml", ["run.window=10 s"])
    heard = []
    result = run_scenario(loaded, jobs=2, watch=heard.append, live=True)
    ended = [each.snapshot.replication for each in heard if each.snapshot is not None and each.snapshot.ended]
    assert sorted(ended) == [0, 1]
    assert sum(each.snapshot.issued for each in heard if each.snapshot is not None and each.snapshot.ended) == (
        result.payments["issued_s"].notna().sum()
    )
    assert heard[-1].replications == 2
    heard.clear()
    run_scenario(loaded, jobs=1, watch=heard.append)
    assert {each.snapshot for each in heard} == {None}
