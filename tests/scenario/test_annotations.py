"""Notes on where a value is from: `source`, `assumed` and `range`."""

import pytest

from sim.scenario.load import ranges

from .conftest import SMALL


def notes(loaded):
    """Return the notes by path: value, source, assumed, range."""
    return {p.path: (p.value, p.source, p.assumed, p.low, p.high) for p in loaded.provenance}


def test_a_value_keeps_its_note_and_loads_as_if_it_had_none(folder):
    """Around a value, beside the keys of a section and of a law, on a list and on a text."""
    text = """\
run: {window: {value: 2 h, source: the plan}, source: "all of it"}
cart: {notices: {1: 80%, 2: 20%, assumed: published nowhere}}
citizen:
  think_time: {lognormal: {p50: {value: 60 s, assumed: a guess, range: [30 s, 2 min]}, p98: 5 min}, source: a study}
slos: [{value: tnspo >= 98%, source: SANP}]
incidents: {value: [], assumed: nothing happens}
"""
    plain = """\
run: {window: 2 h}
cart: {notices: {1: 80%, 2: 20%}}
citizen: {think_time: {lognormal: {p50: 60 s, p98: 5 min}}}
slos: [tnspo >= 98%]
"""
    loaded = folder.load(SMALL + text)
    assert loaded.scenario == folder.load(SMALL + plain).scenario
    law = {"lognormal": {"p50": "60 s", "p98": "5 min"}}
    assert notes(loaded) == {
        "run": ({"window": "2 h"}, "all of it", None, None, None),
        "run.window": ("2 h", "the plan", None, None, None),
        "cart.notices": ({"1": "80%", "2": "20%"}, None, "published nowhere", None, None),
        "citizen.think_time": (law, "a study", None, None, None),
        "citizen.think_time.lognormal.p50": ("60 s", None, "a guess", "30 s", "2 min"),
        "slos.0": ("tnspo >= 98%", "SANP", None, None, None),
        "incidents": ([], None, "nothing happens", None, None),
    }


def test_the_position_is_that_of_the_value_within(folder):
    """Not of the braces around it."""
    line = "  window: {source: the plan, value: 2 h}"
    loaded = folder.load(f"{SMALL}run:\n{line}\n")
    (note,) = loaded.provenance
    assert (note.position.line, note.position.column) == (11, line.index("2 h") + 1)
    assert loaded.position("run.window") == note.position


def test_an_extending_file_replaces_a_value_together_with_its_note(folder):
    """The source of the base's 14 s says nothing of 6 s; what is not replaced keeps its note."""
    folder.write(
        "base.yaml",
        SMALL
        + """\
checkout:
  activation: {timeout: {value: 14 s, source: the real one}, tries: {value: 3, source: the real one}}
  close: {timeout: {value: 14 s, source: the real one}}
""",
    )
    text = """\
extends: base.yaml
name: over
checkout:
  activation: {timeout: {value: 6 s, assumed: too short, range: [3 s, 14 s]}}
  close: {timeout: 7 s}
"""
    assert notes(folder.load(text)) == {
        "checkout.activation.timeout": ("6 s", None, "too short", "3 s", "14 s"),
        "checkout.activation.tries": (3, "the real one", None, None, None),
    }


def test_ranges_are_the_notes_that_have_one(folder):
    """What a sensitivity study varies."""
    text = "run: {warm_up: {value: 0, source: x}, window: {value: 2 h, assumed: x, range: [1 h, 3 h]}}\n"
    (only,) = ranges(folder.load(SMALL + text))
    assert (only.path, only.low, only.high) == ("run.window", "1 h", "3 h")


@pytest.mark.parametrize(
    ("path", "value", "limits"),
    [
        ("run.window", "2 h", "[90 min, 3 h]"),
        ("run.window", "2 h", "[2 h, 3 h]"),
        ("run.warm_up", "0", "[0, 10 min]"),
        ("arrivals.rate", "5/s", "[60/min, 10/s]"),
        ("citizen.cancel", "50%", "[0.1, 90%]"),
        ("citizen.cancel", "0.5", "[10%, 90%]"),
        ("cart.amount", "12 EUR", "[999 cent, 15 EUR]"),
        ("citizen.retry.max_tries", "3", "[2, 6]"),
        ("ecs.ec-1.zipf", "0.8", "[0.5, 1.5]"),
    ],
)
def test_a_range_is_written_as_its_value_is(folder, path, value, limits):
    """In any unit of its kind; shares as percentages or numbers; other numbers as numbers, beyond 1 too."""
    (found,) = ranges(folder.load(SMALL, f"{path}={{value: {value}, range: {limits}}}"))
    assert f"[{found.low}, {found.high}]" == limits


def test_a_range_of_a_section_or_a_text_is_taken_as_it_is(folder):
    """Nobody knows what lies between two laws, or between two texts."""
    text = "title: {value: x, range: [a, b]}\ncitizen: {think_time: {exponential: {mean: 1 s}, range: [1, 2]}}\n"
    assert [(p.path, p.low, p.high) for p in ranges(folder.load(SMALL + text))] == [
        ("title", "a", "b"),
        ("citizen.think_time", 1, 2),
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{value: 2 h, range: @3 h}", "range  is not two values  write range: [low, high]"),
        ("{value: 2 h, range: @[1 h]}", "range  is not two values  write range: [low, high]"),
        ("{value: 2 h, range: @[1 h, 3]}", "range  is not of the value's kind  write its limits as the value is"),
        ("{value: 2 h, range: @[1/s, 3/s]}", "range  is not of the value's kind  write its limits as the value is"),
        ("{value: 2 h, range: @[3 h, 1 h]}", "range  does not run from below the value to above it  write range: ["),
        ("{value: 2 h, range: @[3 h, 4 h]}", "range  does not run from below the value to above it  write range: ["),
        ("{value: 2 h, range: @[2 h, 2 h]}", "range  does not run from below the value to above it  write range: ["),
        ("{value: 2 h, source: @7}", "source  is not a text  write where the value is from"),
        ("{value: 2 h, source: @''}", "source  is not a text  write where the value is from"),
        ("{value: 2 h, @source: }", "source  is not a text  write where the value is from"),
        ("{value: 2 h, assumed: @true}", "assumed  is not a text  write why it is assumed"),
        ("{value: 2 h, source: x, @why: y}", "why  stands beside value  keep value, source, assumed and range only"),
    ],
)
def test_a_note_that_is_wrong_is_said_at_the_note(folder, written, said):
    """As every other problem, with line and column; the value itself is right."""
    before, _, after = written.partition("@")
    (found,) = folder.problems(f"{SMALL}run: {{window: {before}{after}}}\n")
    assert found.startswith(f"s.yaml:10:{len('run: {window: ') + len(before) + 1}  run.window.{said}")
