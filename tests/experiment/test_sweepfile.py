"""Sweep files, and what is said of those that are wrong."""

import pytest

from sim.experiment.design import Kind, assignments
from sim.experiment.sweepfile import read_sweep
from sim.scenario.load import ScenarioError


@pytest.fixture
def sweep(tmp_path):
    """Write a sweep file and read it."""

    def read(text):
        (tmp_path / "sweep.yaml").write_text(text)
        return read_sweep(tmp_path / "sweep.yaml")

    return read


@pytest.fixture
def problems(sweep, tmp_path):
    """Write a sweep file and return its problems as they are printed."""

    def complain(text):
        with pytest.raises(ScenarioError) as error:
            sweep(text)
        return str(error.value).replace(f"{tmp_path}/", "").splitlines()

    return complain


def test_a_sweep_file_gives_a_grid(sweep, tmp_path):
    """Lists, and ranges as texts; names of files are relative to the sweep's own."""
    varied = "  a.b: [1 s, 2 s]\n  c: log:1..100:3\n  d: 5\n  e: x, y\n"
    found = sweep(f"scenario: s.yaml\nvary:\n{varied}replications: auto\n")
    assert (found.scenario, found.replications, found.design.kind) == (tmp_path / "s.yaml", "auto", Kind.GRID)
    assert len(found.design) == 2 * 3 * 1 * 2
    assert assignments(found.design[11]) == ("a.b=2 s", "c=100", "d=5", "e=y")


def test_a_sweep_file_gives_a_sample(sweep):
    """With its own seed; the number of replications is the scenario's if it says none."""
    text = "scenario: s.yaml\ndesign: {}\npoints: 8\nseed: {}\nvary: {{a: 1 s..2 s, b: log:1..9}}\n"
    found = sweep(text.format("sobol", 1))
    assert (found.design.kind, len(found.design), found.replications) == (Kind.SOBOL, 8, None)
    assert list(sweep(text.format("lhs", 1)).design) != list(sweep(text.format("lhs", 2)).design)
    assert list(sweep(text.format("lhs", 2)).design) == list(sweep(text.format("lhs", 2)).design)


def test_a_sweep_file_names_a_list(sweep, tmp_path):
    """The CSV file is beside the sweep file."""
    (tmp_path / "x.csv").write_text("a,b\n1,2 s\n3,4 s\n")
    found = sweep("scenario: s.yaml\ndesign: list\nfile: x.csv\nreplications: 10\n")
    assert [assignments(point) for point in found.design] == [("a=1", "b=2 s"), ("a=3", "b=4 s")]
    assert found.replications == 10


def test_values_of_every_kind_become_texts_that_read_as_them(sweep):
    """A text that looks like something else is quoted, a section is written in one line."""
    values = '[{exponential: {mean: 1 s}}, "12", true, null, 1.5e-7, [x, "2"], b: c]'
    found = sweep(f"scenario: s.yaml\nvary: {{a: {values}}}\n")
    assert [point.values["a"] for point in found.design] == [
        '{"exponential": {"mean": "1 s"}}', '"12"', "true", "null", "1.5e-07", '["x", "2"]', '{"b": "c"}',
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["name: world\narrivals: {rate: 2/s}\n", "extends: world.yaml\npsps: []\n"])
def test_a_scenario_in_place_of_a_sweep_file_is_told_what_is_missing(problems, text):
    """Not that every key of it is wrong: somebody has left --vary out."""
    (line,) = problems(text)
    assert line.endswith("is a scenario and no sweep  say what to vary, for example --vary psps.psp-a.workers=4,8,16")


def test_every_problem_of_a_sweep_file_is_said_at_once(problems):
    """With line and column, the path and what to write instead."""
    assert problems("""\
scenario: s.yaml
desing: grid
vary:
  psps.psp-a.workers: [4, 8, 8]
  outcome.p98: log:1 s..4 s
  psps..x: 1..5
  e:
replications: many
points: 3
""") == [
        "sweep.yaml:2:1  desing  is not known here  did you mean design?",
        "sweep.yaml:4:3  psps.psp-a.workers  has 8 twice  keep one of the two",
        "sweep.yaml:5:3  outcome.p98  does not say how many values  write log:1 s..4 s:5",
        "sweep.yaml:6:3  psps..x  is no path  write a path such as psps.psp-a.workers",
        "sweep.yaml:7:3  e  has no values  write for example 1,2,4 or 1..5",
        "sweep.yaml:8:15  replications  many is not a whole number  write for example 10",
        "sweep.yaml:9:1  points  means nothing for a grid  leave it out, or sample: lhs or sobol",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", ["1:1  (file)  is no sweep  write keys and values, starting with scenario: baseline.yaml"]),
        ("vary: {a: 1..2}\n", ["1:1  scenario  is missing  add scenario: ..."]),
        ("scenario: s.yaml\n", ["1:1  vary  is missing, and design: grid needs it  "
                                "add vary: {psps.psp-a.workers: [4, 8, 16]}"]),
        ("scenario: s.yaml\ndesign: list\nvary: {a: [1]}\nseed: 1\n", [
            "1:1  file  is missing, and design: list needs it  add file: points.csv",
            "3:1  vary  means nothing for design: list  leave it out",
            "4:1  seed  means nothing for design: list  leave it out",
        ]),
        ("scenario: s.yaml\nfile: x.csv\nvary: {a: [1]}\n", [
            "2:1  file  means nothing for design: grid  leave it out"]),
        ("scenario: s.yaml\nseed: 2\nvary: {a: [1]}\n", [
            "2:1  seed  means nothing for design: grid  leave it out"]),
        ("scenario: s.yaml\ndesign: gird\nvary: {a: [1, 1]}\n", ["2:9  design  is gird  "
                                                                 "write grid, list, lhs or sobol"]),
        ("scenario: s.yaml\nvary: [a]\n", ["2:7  vary  is a list  write a section, name: value"]),
        ("scenario: s.yaml\nvary: {}\n", ["2:1  (file)  varies nothing  vary at least one path"]),
        ("scenario: s.yaml\nvary: {a: [1], a: [2]}\n", ["2:16  vary.a  is written twice, first in line 2  "
                                                        "keep one of the two"]),
        ("scenario: s.yaml\nreplications: 0\nvary: {a: [1]}\n", [
            "2:15  replications  is 0  write 1 to 100000, or auto"]),
        ("scenario: s.yaml\ndesign: lhs\npoints: 2000000\nvary: {a: 1..2}\n", [
            "3:9  points  is 2000000  write at most 1000000"]),
        ("scenario: s.yaml\ndesign: lhs\nvary: {a: [1, 2], b: 1..2}\n", [
            "3:1  points  is missing  say how many points lhs is to choose, for example 64",
            "3:8  a  is no range, as a sample needs  write low..high or log:low..high",
        ]),
        ("scenario: s.yaml\ndesign: list\nfile: none.csv\n", ["none.csv:1:1  (file)  cannot be read: "
            "No such file or directory  name a CSV file with a path at the head of every column"]),
    ],
)  # fmt: skip
def test_a_sweep_file_is_refused(problems, text, said):
    """Whatever is missing, misplaced or of the wrong kind."""
    assert problems(text) == [each if each.startswith("none") else f"sweep.yaml:{each}" for each in said]
