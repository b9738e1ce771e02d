"""Points of a sweep: what is written, what points there are, and what is refused."""

import pickle
import time

import numpy as np
import pytest
from scenario.conftest import SMALL

from sim.experiment.design import Kind, Point, assignments, read_list, read_vary
from sim.scenario.load import ScenarioError, load


def points(*options, **more):
    """Return the assignments of every point of a design."""
    return [assignments(point) for point in read_vary(options, **more)]


def problems(call, *arguments, **more):
    """Return the problems that a call finds, as they are printed."""
    with pytest.raises(ScenarioError) as error:
        call(*arguments, **more)
    return str(error.value).splitlines()


# --- grids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("psps.psp-a.outcome_delay.p98=1s,2s,4s", ["1s", "2s", "4s"]),
        ("a.b = 1 s , 2 s", ["1 s", "2 s"]),
        ("a.b=7", ["7"]),
        ("a.b=1..3", ["1", "2", "3"]),
        ("a.b=lin:1..9:5", ["1", "3", "5", "7", "9"]),
        ("a.b=lin:1 s..4 s:4", ["1 s", "2 s", "3 s", "4 s"]),
        ("a.b=log:0.1..10:3", ["0.1", "1", "10"]),
        ("a.b={exponential: {mean: 1 s}},{gamma: {shape: 2, scale: 1 s}}",
         ["{exponential: {mean: 1 s}}", "{gamma: {shape: 2, scale: 1 s}}"]),
        ("slos=[tnspo >= 98%, x < 2],[]", ["[tnspo >= 98%, x < 2]", "[]"]),
        ("title='one, two',d'Italia,\"a,b\"", ["'one, two'", "d'Italia", '"a,b"']),
        ("node.ec_pool.size=null,4", ["null", "4"]),
        ("description=\"a=b\"", ['"a=b"']),
    ],
)  # fmt: skip
def test_values_stay_as_they_are_written(option, expected):
    """Commas part values unless within brackets or quotes; ranges are worked out."""
    path = option.partition("=")[0].strip()
    assert points(option) == [(f"{path}={text}",) for text in expected]


def test_a_grid_has_every_combination_and_the_last_path_changes_first():
    """2 x 3 points, numbered from 0, paths in the order in which they are given."""
    design = read_vary(["b.c=x,y", "a=1..3"])
    assert (design.kind, design.paths, len(design)) == (Kind.GRID, ("b.c", "a"), 6)
    assert [point.values["b.c"] + point.values["a"] for point in design] == ["x1", "x2", "x3", "y1", "y2", "y3"]
    assert [point.number for point in design] == list(range(6))
    assert design[4] == Point(4, {"b.c": "y", "a": "2"})
    assert list(design[4].values) == ["b.c", "a"]
    for number in (-1, 6):
        with pytest.raises(IndexError, match=f"point {number} of 6"):
            design[number]


def test_a_grid_of_a_million_points_takes_no_time_and_no_memory():
    """Its last point is there at once, and it travels as the few values it is made of."""
    began = time.process_time()
    design = read_vary(["a=1..1000", "b=1..1000"])
    assert design[999_999].values == {"a": "1000", "b": "1000"}
    assert time.process_time() - began < 1
    assert len(pickle.dumps(design)) < 20_000


def test_a_point_loads(tmp_path):
    """What a point assigns is what `--set` takes: names, laws and units."""
    (tmp_path / "s.yaml").write_text(SMALL)
    options = ["psps.psp-a.outcome_delay.p98=1 s,4 s", "psps.psp-b.workers=5..6", "citizen.abandon=log:1e-6..1:3"]
    design = read_vary(options)
    scenario = load(tmp_path / "s.yaml", assignments(design[9])).scenario
    assert scenario.psps[0].outcome_delay.quantile(0.98) == pytest.approx(4.0)
    assert (scenario.psps[1].workers, scenario.citizen.abandon) == (6, 1e-6)


# --- samples --------------------------------------------------------------------------------------------------------


def test_a_latin_hypercube_has_one_point_in_every_row_and_column():
    """64 points over 0 s to 64 s: one in every second; over the numbers 1 to 32: two of each; by logarithm likewise."""
    design = read_vary(["t=0 s..64 s", "n=1..32", "r=log:1/s..64/s"], Kind.LHS, points=64, seed=3)
    times = [float(point.values["t"].removesuffix(" s")) for point in design]
    numbers = [int(point.values["n"]) for point in design]
    rates = [float(point.values["r"].removesuffix("/s")) for point in design]
    assert sorted(int(each) for each in times) == list(range(64))
    assert sorted(numbers) == sorted([*range(1, 33), *range(1, 33)])
    assert sorted(int(np.log(rate) / np.log(64) * 64) for rate in rates) == list(range(64))
    assert times != sorted(times)


def test_a_sobol_sample_is_even_in_every_pair_of_paths():
    """64 points in two dimensions: four in every cell of 4 x 4, and one in every cell of 64 x 1."""
    design = read_vary(["a=0.0..1", "b=0.0..1"], Kind.SOBOL, points=64, seed=5)
    places = np.array([[float(text) for text in point.values.values()] for point in design])
    cells, counts = np.unique(np.floor(places * 4), axis=0, return_counts=True)
    assert (len(cells), set(counts)) == (16, {4})
    assert sorted(np.floor(places[:, 0] * 64)) == list(range(64))


@pytest.mark.parametrize("kind", [Kind.LHS, Kind.SOBOL])
def test_a_sample_is_the_same_for_the_same_seed_only(kind):
    """Also when its points are asked for in another order, and when it was sent to another process."""
    options = ["a=1 s..9 s", "b=1..1000000"]
    design = read_vary(options, kind, points=16, seed=7)
    again = [read_vary(options, kind, points=16, seed=7)[number] for number in range(15, -1, -1)]
    assert list(design) == again[::-1] == list(pickle.loads(pickle.dumps(design)))  # noqa: S301
    assert list(design) != list(read_vary(options, kind, points=16, seed=8))


# --- lists ----------------------------------------------------------------------------------------------------------


def test_a_list_has_a_point_in_every_row(tmp_path):
    """Columns are paths, cells are values as in an assignment; empty lines do not count; a BOM does no harm."""
    file = tmp_path / "points.csv"
    rows = ["\ufeffpsps.psp-a.workers, run.window,x", '8,30 min,"{a: 1, b: 2}"', "", "16, 1 h ,null", ""]
    file.write_text("\n".join(rows), encoding="utf-8")
    design = read_list(file)
    assert (design.kind, design.paths) == (Kind.LIST, ("psps.psp-a.workers", "run.window", "x"))
    assert [assignments(point) for point in design] == [
        ("psps.psp-a.workers=8", "run.window=30 min", "x={a: 1, b: 2}"),
        ("psps.psp-a.workers=16", "run.window=1 h", "x=null"),
    ]


def test_a_list_is_refused_with_the_line_of_every_problem(tmp_path):
    """Rows of another length, empty cells, what is no YAML, and points that are there already, however written."""
    file = tmp_path / "p.csv"
    file.write_text("a,b\n1 s,2\n1 s\n,3\n[1,4\n1000 ms,2\n")
    found = [each.replace(f"{tmp_path}/", "") for each in problems(read_list, file)]
    assert found == [
        "p.csv:3:1  (file)  has 1 values for 2 paths  write one under every path",
        "p.csv:4:1  a  is empty  write a value, or null for none",
        "p.csv:5:1  a  has the value [1, which is not YAML: expected ',' or ']', but got '<stream end>'  "
        "quote it, or correct its syntax",
        "p.csv:6:1  (file)  is the point of line 2 again  keep one of the two",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "p.csv:1:1  (file)  is empty  write paths in the first row and values in the rows below"),
        (b"a,b\n", "p.csv:1:1  (file)  has no points  write paths in the first row and values in the rows below"),
        (b"a,a\n1,2\n", "p.csv:1:1  a  is varied twice  write all its values in one place"),
        (b"a,\n1,2\n", "p.csv:1:1  (file)  names no path  write a path such as psps.psp-a.workers"),
        (b"a..b\n1\n", "p.csv:1:1  a..b  is no path  write a path such as psps.psp-a.workers"),
        (b"a\n\xff\n", "p.csv:1:1  (file)  cannot be read: it is not UTF-8  "
                       "name a CSV file with a path at the head of every column"),
        (b'a\n"1\n', "p.csv:1:1  (file)  cannot be read: unexpected end of data  "
                     "name a CSV file with a path at the head of every column"),
        (None, "p.csv:1:1  (file)  cannot be read: No such file or directory  "
               "name a CSV file with a path at the head of every column"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_list_is_refused(tmp_path, content, said):
    """Said of the file's first line."""
    file = tmp_path / "p.csv"
    if content is not None:
        file.write_bytes(content)
    assert [each.replace(f"{tmp_path}/", "") for each in problems(read_list, file)] == [said]


def test_a_list_of_ten_thousand_points_is_read_in_less_than_a_second(tmp_path):
    """A sweep of that many has to be listed and resumed in two."""
    file = tmp_path / "p.csv"
    file.write_text("a,b,c\n" + "".join(f"{n} ms,{n / 7}%,{n}\n" for n in range(10_000)))
    began = time.process_time()
    assert len(list(read_list(file))) == 10_000
    assert time.process_time() - began < 1


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("a=", "a  has no values  write for example 1,2,4 or 1..5"),
        ("a", "a  has no values  write path=values, for example psps.psp-a.workers=4,8,16"),
        ("=1", "(file)  names no path  write a path such as psps.psp-a.workers"),
        ("a..b=1", "a..b  is no path  write a path such as psps.psp-a.workers"),
        ("a=1,,2", "a  has an empty value  leave out the comma"),
        ("a=1,2,1", "a  has 1 twice  keep one of the two"),
        ("a=1 s,1000 ms", "a  has 1 s and 1000 ms, which are the same  keep one of the two"),
        ("a=[1,2", "a  has the value [1,2, which is not YAML: expected ',' or ']', but got '<stream end>'  "
                   "quote it, or correct its syntax"),
        ("a=!x 1,2", "a  has the value !x 1, which has the tag !x  quote it, or correct its syntax"),
        ("a=5..1", "a  5..1 does not run upwards  write the lower limit first"),
        ("a=1 s..4 s", "a  does not say how many values  write lin:1 s..4 s:5"),
        ("a=log:1..4", "a  does not say how many values  write log:1..4:5"),
        ("a=lin:1..4:1", "a  has 1 values  write 2 to 1000000"),
        ("a=1..2000000", "a  has 2000000 values  write 2 to 1000000"),
        ("a=lin:1..3:5",
         "a  has 5 steps, more than there are values  write 3 or fewer, or 1.0 for 1 to have fractions"),
    ],
)  # fmt: skip
def test_a_grid_is_refused_at_once(option, said):
    """The place is the option, as for `--set`."""
    assert problems(read_vary, [option]) == [f"--vary {option}  {said}"]


@pytest.mark.parametrize(
    ("options", "more", "said"),
    [
        ([], {}, "--vary  (file)  varies nothing  vary at least one path"),
        (["a=1,2", "a=3"], {}, "--vary a=3  a  is varied twice  write all its values in one place"),
        (["a=1..1000", "b=1..1001"], {},
         "--vary  (file)  asks for 1001000 points  write at most 1000000, or sample: lhs"),
        (["a=1,2"], {"points": 2}, "--vary  points  means nothing for a grid  leave it out, or sample: lhs or sobol"),
        (["a=1..2"], {"kind": Kind.LHS},
         "--vary  points  is missing  say how many points lhs is to choose, for example 64"),
        (["a=1..2"], {"kind": Kind.LHS, "points": 0}, "--vary  points  is 0  write 1 to 1000000"),
        (["a=1..2"], {"kind": Kind.SOBOL, "points": 1_000_001}, "--vary  points  is 1000001  write 1 to 1000000"),
        (["a=1..2"], {"kind": Kind.SOBOL, "points": 100},
         "--vary  points  is 100  write 64 or 128: Sobol points are even in powers of two"),
        (["a=1,2"], {"kind": Kind.LHS, "points": 4},
         "--vary a=1,2  a  is no range, as a sample needs  write low..high or log:low..high"),
        (["a=log:1 s..2 s:5"], {"kind": Kind.LHS, "points": 4},
         "--vary a=log:1 s..2 s:5  a  has 5 steps, which a sample has not  write log:1 s..2 s"),
    ],
)  # fmt: skip
def test_a_design_is_refused_at_once(options, more, said):
    """What is wrong with all of it together is said of the options as such."""
    assert problems(read_vary, options, **more) == [said]


def test_all_problems_are_said_at_once():
    """Each of the three options is wrong in its own way."""
    assert len(problems(read_vary, ["a=5..1", "b", "c=1,1"])) == 3
