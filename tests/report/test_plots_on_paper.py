"""Pictures are labelled, can be read in grey, stand whatever the names and numbers are, and are saved the same."""

import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from xml.etree.ElementTree import Element, fromstring

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from analysis.hand import PAYMENTS, STATIONS, records
from matplotlib.colors import to_rgb
from matplotlib.text import Text

import sim
from report.pictures import (
    DELAY,
    EFFECTS,
    ESTIMATES,
    HOSTILE,
    LATE,
    OF_EXPERIMENTS,
    POINTS,
    SLO,
    WORKERS,
    alone,
    check_layout,
    hostile,
    legend,
    named,
    nothing,
    points,
    run_of,
    texts,
    twice,
)
from sim.analysis.slo import Slo
from sim.report import plots
from sim.report.plots.fates import FATES
from sim.report.plots.letters import distinct
from sim.report.plots.looks import STROKES
from sim.report.plots.money import REVERSALS
from sim.report.plots.when import SHADING

ENDS = ("mean", "low", "high")
EVERY = [*plots.OF_RUN, *OF_EXPERIMENTS]


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    """Return the run made by hand, as two replications that do not differ."""
    wait = Slo("p(95, user_wait) < 6 s", "user_wait", 95.0, "", "", "<", 6.0)
    return run_of(tmp_path_factory.mktemp("hand"), *twice(), slos=[wait])


@pytest.fixture
def drawn(hand):
    return lambda name, run=None: plots.OF_RUN[name](run or hand) if name in plots.OF_RUN else OF_EXPERIMENTS[name]()


@pytest.fixture(scope="module", params=[nothing, alone, hostile], ids=lambda make: make.__name__)
def strange(request, tmp_path_factory):
    """Return a run in which nothing happened, one of a single replication, and one with hostile names."""
    return request.param(tmp_path_factory.mktemp("strange"))


@pytest.mark.parametrize("name", plots.OF_RUN)
def test_a_picture_stands_whatever_the_run_is(name, strange):
    """No warning, a title, room for the axes, well-formed SVG."""
    picture = plots.OF_RUN[name](strange)
    assert picture.get_suptitle()
    assert picture.alt
    check_layout(picture)
    parsed(picture.svg())


@pytest.mark.parametrize("name", EVERY)
def test_a_picture_has_title_labels_and_units(drawn, name):
    """Every axis that numbers are read from is labelled with its unit in brackets; axes of names say of what."""
    picture = drawn(name)
    assert picture.get_suptitle()
    assert picture.alt
    for axes in picture.axes:
        bottom = axes.xaxis.get_tick_params()["labelbottom"]
        labels = [axes.get_ylabel() or axes.yaxis.get_label_text()]
        if bottom and axes.get_label() != "<colorbar>":
            labels.append(axes.get_xlabel())
        for label in labels:
            assert re.search(r"\(.+\)$", label.replace("\n", " ")) or label in ("cause", "input (path)"), label
    check_layout(picture)


@pytest.mark.parametrize("name", OF_EXPERIMENTS)
def test_a_picture_of_an_experiment_stands_without_points(name):
    """No points at all give an empty frame that says so."""
    empty = {
        "sweep": lambda: plots.sweep(POINTS[:0], WORKERS, LATE, by=DELAY, slo=SLO),
        "heat_map": lambda: plots.heat_map(POINTS[:0], WORKERS, DELAY, LATE, SLO),
        "capacity_curve": lambda: plots.capacity_curve(POINTS[:0], WORKERS, LATE, SLO),
        "tornado": lambda: plots.tornado(EFFECTS[:0], "token_expiry_rate"),
        "converges": lambda: plots.convergence(ESTIMATES[:0]),
    }
    picture = empty[name]()
    assert any(text.startswith("no ") for text in texts(picture))
    check_layout(picture)


@pytest.mark.parametrize("path", [HOSTILE[0], HOSTILE[1], HOSTILE[5]])
def test_a_picture_of_an_experiment_stands_whatever_is_varied(path):
    """A path and values that are hostile are drawn as they are, as far as the font goes, and do no harm."""
    table = pd.DataFrame({path: range(1, 7), DELAY: HOSTILE, **dict.fromkeys((f"{LATE}_{p}" for p in ENDS), 0.9)})
    slo = Slo(f"{path} >= 98%", "tnspo_strict", None, "psp", path, ">=", 0.98)
    for picture in (
        plots.sweep(table, path, LATE, by=DELAY, slo=slo),
        plots.heat_map(table, DELAY, path, LATE, slo),
        plots.capacity_curve(table, path, LATE, slo, answer=3, low=2, high=4),
        plots.tornado(EFFECTS.assign(path=HOSTILE[3:]), path),
    ):
        check_layout(picture)
        parsed(picture.svg())


def test_dollars_in_a_name_are_drawn_as_dollars(tmp_path):
    """No text of any picture is read as mathematics, ticks that are made later included."""
    run = hostile(tmp_path)
    for draw in plots.OF_RUN.values():
        assert not any(text.get_parse_math() for text in draw(run).findobj(Text))
    assert any(label.startswith("$x$") for label in legend(plots.outcome_delay(run)))


def test_names_that_begin_with_an_underscore_are_in_the_legend(tmp_path):
    """The legends of older versions of matplotlib leave them out."""
    run = run_of(tmp_path, *(named(each, station=("_node", "pool")) for each in twice()))
    assert {name.strip("\u200a") for name in legend(plots.stations(run))} == {"_node", "pool"}


def test_of_four_hundred_psps_the_worst_are_shown_and_the_others_counted(tmp_path):
    """Of 400 with a token each 7 are shown and 393 not: number 123, the only one without any outcome, is first.

    Numbers 300, which an incident strikes, and 200, which an objective names, are among them, good as they are.
    """
    psps = tuple(f"psp-{n:03d}" for n in range(400))
    accepted = next(each for each in PAYMENTS if each["cart"] == 1)
    payments = [
        {**accepted, "cart": n + 1, "psp": psp, "outcome_s": np.nan if n == 123 else 113.0}
        for n, psp in enumerate(psps)
    ]
    given = records(payments=[{**each, "psp": n} for n, each in enumerate(payments)], carts=(), primitives=())
    slo = Slo("tnspo_strict{psp=psp-200} >= 98%", "tnspo_strict", None, "psp", "psp-200", ">=", 0.98)
    down = {"target": "psps.psp-300", "effect": "outage", "at": "200 s", "duration": "10 s"}
    picture = plots.outcome_delay(run_of(tmp_path, named(given, psp=psps), slos=[slo], incidents=[down]))
    assert len(picture.axes[0].get_lines()) == 8 + 2  # with the limit and the mark
    shown = [text.split("\n")[0] for text in legend(picture)]
    assert shown[1] == "psp-123"
    assert {"psp-200", "psp-300"} <= set(shown)
    assert shown[-1] == "393 more not shown"
    check_layout(picture)


def test_of_many_stations_those_in_trouble_are_shown_and_the_others_counted(tmp_path):
    """Of 1000 groups that are busy alike, an incident strikes number 9, and number 700 alone has calls that wait."""
    names = tuple(f"ecs.group-{n:04d}" for n in range(1000))
    row = {**STATIONS[3], "waiting_s": 0.0, "capacity_s": 200.0}
    rows = [{**row, "station": n, "waiting_s": 50.0 if n == 700 else 0.0} for n in range(1000)]
    down = {"target": "ecs.group-0009", "effect": "outage", "at": "200 s", "duration": "10 s"}
    picture = plots.stations(run_of(tmp_path, named(records(stations=rows), station=names), incidents=[down]))
    assert legend(picture)[:2] == ["ecs.group-0009", "ecs.group-0700"]
    assert legend(picture)[-1] == "995 more not shown"


def test_of_many_lines_and_inputs_some_are_shown_and_the_others_counted():
    """Of 40 lines 6, the first and the last among them; of 40 inputs 15."""
    many = points([(x, f"{n} s", 0.9, 0.01) for n in range(1, 41) for x in (1, 2)])
    shown = legend(plots.sweep(many, WORKERS, LATE, by=DELAY))
    assert (shown[0], shown[-2:]) == ("1 s", ["40 s", "34 more not shown"])
    effects = pd.concat([EFFECTS.assign(path=[f"p{n}.{i}" for i in range(3)]) for n in range(14)])
    picture = plots.tornado(effects, "user_wait")
    assert len(picture.axes[0].patches) == 15
    assert "27 inputs with less effect are left out." in picture.get_supxlabel()


def test_a_real_run_can_be_drawn(tmp_path):
    """What `sim.run` returns has all that pictures need, incidents as they are resolved among it."""
    odd = (
        "incidents=[{target: psps.psp-a, effect: outage, at: 30 s, duration: 20 s},"
        " {target: psps.psp-b, effect: slowdown, factor: 2, mtbf: 1 min, mttr: 10 s}]"
    )
    short = ["run.window=1 min", "run.warm_up=0 s", odd]
    run = sim.run("scenarios/baseline.yaml", replications=2, sets=short, out=tmp_path)
    for draw in plots.OF_RUN.values():
        check_layout(draw(run))
    said = " ".join(plots.stations(run).get_supxlabel().split())
    assert "Shaded: outage of psps.psp-a from 30 to 50 s." in said
    assert "slowdown of psps.psp-b (MTBF 60.0 s, MTTR 10.0 s)" in said


# --- how it is read and saved -----------------------------------------------------------------------------------------


def parsed(source) -> Element:
    """Return the root of a document that this test made, and that must be well-formed."""
    return fromstring(source)  # noqa: S314


def grey(colour):
    """Return the luma of a colour, as ITU-R BT.601 has it: what is left of it on a grey print."""
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


@pytest.mark.parametrize("fills", [FATES, REVERSALS])
def test_areas_can_be_told_apart_in_grey(fills):
    """Any two have another hatching, or greys that are at least a sixth of the way from black to white apart."""
    for one, other in combinations(fills.values(), 2):
        assert one.hatch != other.hatch or abs(grey(one.colour) - grey(other.colour)) > 1 / 6, (one, other)


@pytest.mark.parametrize("fills", [FATES, REVERSALS])
def test_areas_can_be_told_from_the_shading_of_incidents_in_grey(fills):
    """They are hatched, or their grey is at least an eighth of the way from black to white away from it."""
    for each in fills.values():
        assert each.hatch or abs(grey(each.colour) - grey(SHADING)) > 1 / 8, each


def test_long_names_that_differ_in_the_middle_only_are_shown_differently():
    """Two that look the same when shortened are shortened where they agree; what cannot be drawn is numbered."""
    north, south = (f"psp-{'x' * 40}-{side}-branch-italy" for side in ("north", "south"))
    assert distinct([north, "psp-b", south]) == {
        north: "psp-\u2026north-branch-italy", "psp-b": "psp-b", south: "psp-\u2026south-branch-italy",
    }  # fmt: skip
    assert list(distinct(["a\u202e", "a\u202d"]).values()) == ["a\ufffd", "a\ufffd (2)"]
    many = ["w" * n for n in range(60, 100)]
    assert len(set(distinct(many).values())) == len(many)


def test_lines_can_be_told_apart_without_colour():
    """No two have the same dashes or the same marker."""
    assert len({str(each.dashes) for each in STROKES}) == len({each.marker for each in STROKES}) == len(STROKES)


@pytest.mark.parametrize("name", EVERY)
def test_a_picture_is_the_same_svg_every_time(drawn, name, tmp_path):
    """Drawn and saved twice, the second time under other settings of the user's: byte for byte the same file."""
    first, second = tmp_path / "1.svg", tmp_path / "2.svg"
    one = drawn(name)
    one.savefig(first)
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": None, "axes.facecolor": "red", "text.parse_math": True}):
        other = drawn(name)
        other.savefig(second)
        assert mpl.rcParams["font.size"] == 20
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", EVERY)
def test_a_picture_fits_into_a_page(drawn, name):
    """An SVG element with the words of the picture as its name; every id in it is its own, and every reference known.

    No comments, which would have the texts of the picture, and nothing of when and with what it was made.
    """
    picture = drawn(name)
    source = picture.svg()
    root = parsed(source)
    assert root.attrib["aria-label"] == picture.alt
    assert root.attrib["role"] == "img"
    ids = Counter(element.attrib["id"] for element in root.iter() if "id" in element.attrib)
    assert set(ids.values()) == {1}
    assert {each[:9] for each in ids} == {min(ids)[:9]}
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', source)) <= set(ids)
    assert source.startswith("<svg ")
    assert not re.search(r"<!--|<metadata|<script|created", source, re.IGNORECASE)


def test_two_pictures_of_a_page_share_no_id(hand):
    """Their ids begin with different digests."""
    one, other = (set(re.findall(r'\bid="([^"]+)"', draw(hand).svg())) for draw in (plots.reversals, plots.warm_up))
    assert not one & other


def test_hostile_names_are_not_markup(tmp_path):
    """The only place with text is the alternative text, which is escaped."""
    source = plots.outcome_delay(hostile(tmp_path)).svg()
    assert "<b>" not in source
    assert "&lt;b&gt;" in source


def test_jupyter_is_shown_the_same_picture(hand):
    """What a notebook shows is what goes into a page."""
    picture = plots.reversals(hand)
    assert picture._repr_svg_() == picture.svg()


def test_matplotlib_waits_for_the_first_picture_and_pyplot_is_never_used():
    """The command line does not import it with its commands; drawing touches nothing of pyplot's global state."""
    code = (
        "import sys, sim.cli.commands; assert 'matplotlib' not in sys.modules; import pandas as pd; "
        "from sim.report import plots; "
        "plots.tornado(pd.DataFrame(columns=['path', 'effect', 'low', 'high']), 'user_wait').svg(); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
