"""Files as such: what is YAML, what is a scenario, and what is refused before anybody looks at its values."""

import pytest

from sim.scenario.load import ScenarioError, dump, from_dict, load

from .conftest import SMALL

CORRECT = "correct the syntax"
START = "write a scenario, starting with name: my-scenario"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", f"1:1  (file)  is empty  {START}"),
        ("# only\n# comments\n", f"1:1  (file)  is empty  {START}"),
        ("---\n", f"2:1  (file)  is a single value  {START}"),
        ("~\n", f"1:1  (file)  is a single value  {START}"),
        ("hello\n", f"1:1  (file)  is a single value  {START}"),
        ("\n 42\n", f"2:2  (file)  is a single value  {START}"),
        ("# a list\n- name: x\n", f"2:1  (file)  is a list  {START}"),
        ("[]\n", f"1:1  (file)  is a list  {START}"),
        (f"{SMALL}---\n{SMALL}", f"10:1  (file)  is not YAML: but found another document  {CORRECT}"),
        ("name: x\n\tarrivals: 1\n", "2:1  (file)  is not YAML: found character '\\t' that cannot start any token"),
        ("name: [x\n", "2:1  (file)  is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("name: 'x\n", "2:1  (file)  is not YAML: found unexpected end of stream"),
        ("name: x\n  y: z\n", "2:4  (file)  is not YAML: mapping values are not allowed here"),
        ("name: *x\n", "1:7  (file)  is not YAML: found undefined alias 'x'"),
        ("name: x\ntitle: a\x00b\n", "2:9  (file)  has the character #x0000, which YAML does not allow"),
        ("name: x\r\ntitle: a\x07b\n", "2:9  (file)  has the character #x0007, which YAML does not allow"),
        ("name: x\ntitle: perché\n".encode("latin-1"), "2:13  (file)  is not UTF-8  save the file as UTF-8"),
        (SMALL.encode("utf-16"), "1:1  (file)  is not UTF-8  save the file as UTF-8"),
        (SMALL.encode("utf-16-le"), "1:2  (file)  has the character #x0000, which YAML does not allow"),
        (bytes(range(256)), "2:118  (file)  is not UTF-8  save the file as UTF-8"),
        (b"\x1f\x8b\x08\x00" + b"\x9c" * 40, "1:2  (file)  is not UTF-8  save the file as UTF-8"),
        ("a: " + "[" * 10_000, "1:34  (file)  is nested too deeply  write at most 30 levels"),
        ("a: " + "[" * 31 + "]" * 31, "1:34  (file)  is nested too deeply  write at most 30 levels"),
        ("a: " + "{a: " * 10_000 + "}" * 10_000, "1:121  (file)  is nested too deeply  write at most 30 levels"),
        ("\n".join(" " * n + "a:" for n in range(3_000)), "31:31  (file)  is nested too deeply"),
        ("a: &a [*a]\n", "1:4  (file)  is nested too deeply"),
        ("a: &a {b: *a}\n", "1:4  (file)  is nested too deeply"),
    ],
)
def test_what_is_no_scenario_is_refused_where_it_stops_being_one(folder, content, problem):
    """At the line and column, counted from 1, of the first character that does not fit.

    The 31st bracket after `a: ` is in column 34; the 31st key on its own line, in line 31; in flow style the key of the
    30th section is the 31st level, 29 times `{a: ` after `a: {`.
    """
    (found,) = folder.problems(content)
    assert found.startswith(f"s.yaml:{problem}")


def test_a_byte_order_mark_is_no_part_of_the_file(folder):
    """Some editors write one; columns are counted without it."""
    assert load(folder.write("s.yaml", SMALL.encode("utf-8-sig"))).scenario.name == "small"
    assert folder.problems(SMALL.replace("name", "nome").encode("utf-8-sig"))[0].startswith("s.yaml:1:1  name")


def test_a_file_over_5_mb_is_not_read(folder):
    """6 MB of comments are refused, and so is a file without end."""
    assert folder.problems(b"# " + b"x" * 6_000_000) == [
        "s.yaml:1:1  (file)  is larger than 5 MB  give the path of a scenario file"
    ]
    with pytest.raises(ScenarioError, match=r"/dev/zero:1:1  \(file\)  is larger than 5 MB"):
        load("/dev/zero")


def test_aliases_that_blow_up_are_stopped(folder):
    """Nine lists, each of nine times the one before: 9^9 values from 400 characters."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{key}: &{key} [{','.join([f'*{chr(ord(key) - 1)}'] * 9)}]" for key in "bcdefghi"]
    (found,) = folder.problems("\n".join(lines))
    assert found.endswith("  (file)  has more than 200000 values, aliases counted as often as used  write fewer")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("gone.yaml", "cannot be read: No such file or directory"),
        (".", "cannot be read: Is a directory"),
        ("a\x00b", "cannot be read: embedded null byte"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_what_cannot_be_read_is_said(folder, path, problem):
    """The system's own words, and what to give instead."""
    with pytest.raises(ScenarioError) as error:
        load(folder.path / path)
    assert str(error.value).endswith(f":1:1  (file)  {problem}  give the path of a scenario file")


def test_a_file_without_permission_is_refused(folder, monkeypatch):
    """The system's answer is put in its mouth, since a superuser may read everything."""
    file = folder.write("s.yaml", SMALL)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(file), "open", refuse)
    with pytest.raises(ScenarioError, match=r"s\.yaml:1:1  \(file\)  cannot be read: Permission denied"):
        load(file)


def test_tags_of_other_types_are_refused_and_not_carried_out(folder):
    """On a value, a list and a section; what has a tag is not complained of a second time."""
    text = "title: !!python/object/apply:os.system [ls]\ncart: !!python/object:os.x {a: 1}\n"
    text += "description: !!binary aGk=\n"
    tags = ("python/object/apply:os.system", "python/object:os.x", "binary")
    assert folder.problems(SMALL + text) == [
        f"s.yaml:{line}:{column}  {path}  has the tag tag:yaml.org,2002:{tag}  write a plain value without a tag"
        for line, column, path, tag in zip(
            (10, 11, 12), (8, 7, 14), ("title", "cart", "description"), tags, strict=True
        )
    ]


def test_a_key_written_twice_is_refused_at_its_second_place(folder):
    """In sections and in flow style; the first place is named."""
    assert folder.problems(SMALL + "name: again\nrun: {seed: 1, window: 1 h,\n  seed: 2}\n") == [
        "s.yaml:10:1  name  is written twice, first in line 1  keep one of the two",
        "s.yaml:12:3  run.seed  is written twice, first in line 11  keep one of the two",
    ]


def test_keys_that_are_no_names_are_refused(folder):
    """Nothing, a list and a section as keys; a number or a truth value is a name like others, and unknown."""
    found = folder.problems(SMALL + "? [a]\n: 1\n: 2\n? {b: c}\n: 3\n7: 4\ntrue: 5\n")
    assert [line.split("  ")[:3] for line in found] == [
        ["s.yaml:10:3", "(file)", "has a key that is not a name"],
        ["s.yaml:12:1", "(file)", "has a key that is not a name"],
        ["s.yaml:13:3", "(file)", "has a key that is not a name"],
        ["s.yaml:15:1", "7", "is not known here"],
        ["s.yaml:16:1", "true", "is not known here"],
    ]


@pytest.mark.parametrize("written", ["9" * 101, "-" + "9" * 101, "9" * 5_000, "0x" + "F" * 5_000, "0o" + "7" * 200])
@pytest.mark.parametrize(
    ("place", "line", "column", "path"),
    [
        ("run: {seed: @}", 10, 13, "run.seed"),
        ("run: {seed: {value: @, source: x}}", 10, 21, "run.seed.value"),
        ("run: {window: @}", 10, 15, "run.window"),
        ("cart: {amount: {lognormal: {median: 1 EUR, sigma: @}}}", 10, 51, "cart.amount.lognormal.sigma"),
    ],
)
def test_a_whole_number_of_over_a_hundred_digits_is_refused_at_its_place(folder, written, place, line, column, path):
    """Python converts no more than 4,300 decimal digits, and no float is beyond 309; nothing is that large."""
    said = f"{path}  is a whole number of more than 100 digits  write a shorter one"
    text = place.replace("@", written)
    assert folder.problems(f"{SMALL}{text}\n") == [f"s.yaml:{line}:{column}  {said}"]


def test_a_limit_of_a_range_or_a_key_may_be_no_longer(folder):
    """Wherever in the file, in an assignment, and among plain values."""
    found = folder.problems(f"{SMALL}run: {{seed: {{value: 3, assumed: x, range: [1, {'9' * 400}]}}}}\n")
    said = "is a whole number of more than 100 digits  write a shorter one"
    assert f"s.yaml:10:47  run.seed.range.1  {said}" in found
    (found,) = folder.problems(SMALL, f"run.seed={'9' * 400}")
    assert found.endswith(f"  run.seed  {said}")
    values = dump(folder.load(SMALL).scenario)
    for changed in ({"run": {"seed": 10**5000}}, {"run": {10**5000: 1}}):
        with pytest.raises(ScenarioError, match="is a whole number of more than 100 digits"):
            from_dict(values | changed)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('title: "a\\ud800b"', "10:8  title"),
        ('run: {seed: {value: 3, source: "\\udfff"}}', "10:32  run.seed.source"),
        ('run: {seed: {value: 3, assumed: "a\\ud800b"}}', "10:33  run.seed.assumed"),
        ('"\\ud800": 1', "10:1  (file)"),
    ],
)
def test_half_a_character_is_refused_wherever_it_is_written(folder, text, place):
    """A surrogate without the other one cannot be written to any file."""
    half = "dfff" if "dfff" in text else "d800"
    found = folder.problems(f"{SMALL}{text}\n")
    assert found[0] == (
        f"s.yaml:{place}  has #x{half}, which is half of a character  write the whole character, or leave it out"
    )


def test_half_a_character_is_refused_in_assignments_and_plain_values(folder):
    """As in a file."""
    (found,) = folder.problems(SMALL, 'run.seed={value: 3, source: "a\\ud800"}')
    assert "run.seed.source  has #xd800, which is half of a character" in found
    with pytest.raises(ScenarioError, match="title  has #xd800, which is half of a character"):
        from_dict(dump(folder.load(SMALL).scenario) | {"title": "a\ud800"})


def test_two_halves_are_a_character(folder):
    """JSON writes U+1F600 as #xd83d and #xde00."""
    assert folder.load(SMALL + 'title: "\\ud83d\\ude00"\n').scenario.title == "\U0001f600"


def test_a_decimal_of_many_digits_is_too_large_for_anything(folder):
    """It is infinite."""
    (found,) = folder.problems(f"{SMALL}run: {{seed: {'9' * 5_000}.0}}\n")
    assert found == "s.yaml:10:13  run.seed  inf is not a whole number  write for example 10"


def test_a_merge_key_takes_over_what_is_not_written(folder):
    """Own keys win, the first of several sections wins, and what is merged can be changed by itself."""
    text = SMALL.replace("{name: psp-b, share: 40%}", "{<<: *usual, name: psp-b, share: 40%}").replace(
        "  - name: psp-a\n    share: 60%", "  - &usual\n    name: psp-a\n    workers: 4\n    share: 60%"
    )
    usual, other = folder.load(text).scenario.psps
    assert (other.name, other.share, other.workers, other.outcome_delay) == ("psp-b", 0.4, 4, usual.outcome_delay)
    usual, other = folder.load(text, "psps.psp-b.workers=9").scenario.psps
    assert (usual.workers, other.workers) == (4, 9)
    links = "links:\n  node_ec: &a {latency: 1 s}\n  node_psp: &b {latency: 2 s, loss: 1%}\n"
    merged = folder.load(SMALL + links + "  checkout_node: {<<: [*a, *b]}\n").scenario.links.checkout_node
    assert (merged.latency.mean, merged.loss) == (1.0, 0.01)


def test_a_merge_key_needs_a_section(folder):
    """A text cannot be merged."""
    (found,) = folder.problems(SMALL + "run:\n  <<: fast\n")
    assert found == "s.yaml:11:3  run.<<  merges what is no section  write <<: *section"


def test_a_problem_is_one_line_whatever_the_file_says(folder):
    """A key with a line break and an escape sequence is shown with both written out."""
    found = folder.problems(SMALL + '"a\\nb\\e[31m": 1\n')
    assert len(found) == 1
    assert found[0].startswith("s.yaml:10:1  a\\nb\\x1b[31m  is not known here")


# --- plain values ---------------------------------------------------------------------------------------------------


def test_plain_values_load_as_a_file_would(folder):
    """Numbers as keys, tuples as lists; problems have no lines."""
    loaded = folder.load(SMALL + "cart: {notices: {1: 50%, 2: 50%}}\n")
    values = dump(loaded.scenario)
    values["cart"]["notices"] = {1: "50%", 2: 0.5}
    values["ecs"] = tuple(values["ecs"])
    assert from_dict(values).scenario == loaded.scenario
    with pytest.raises(ScenarioError) as error:
        from_dict(values | {"title": 7}, ["run.seed=-1"])
    assert str(error.value).splitlines() == [
        "(values)  title  is 7  write a text",
        "--set run.seed=-1  run.seed  is -1  write at least 0",
    ]


def test_plain_values_without_end_are_refused():
    """A dict that holds itself."""
    values = {"name": "x"}
    values["cart"] = values
    with pytest.raises(ScenarioError, match=r"\(values\)  \(file\)  is nested too deeply"):
        from_dict(values)
