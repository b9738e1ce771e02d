"""Assignments `--set path=value`."""

import pytest

from sim.kernel.distributions import Exponential, Lognormal, Mixture
from sim.scenario.distributions import delay_s
from sim.scenario.load import load

from .conftest import SMALL

NOTED = """\
checkout:
  close:
    timeout: {value: 14 s, source: "the real one", range: [10 s, 20 s]}
citizen:
  think_time:
    lognormal: {p50: 60 s, p98: {value: 5 min, assumed: "slow", range: [1 min, 9 min]}}
    source: "a study"
"""


@pytest.mark.parametrize(
    ("assignment", "look", "value"),
    [
        ("run.seed=7", lambda s: s.run.seed, 7),
        ("run.window = 15 min", lambda s: s.run.window, 900.0),
        ("citizen.retry.probability=50%", lambda s: s.citizen.retry.probability, 0.5),
        ("psps.psp-b.workers=8", lambda s: s.psps[1].workers, 8),
        ("psps.1.workers=8", lambda s: s.psps[1].workers, 8),
        ("psps.psp-a.pspNotifyPaymentV2.ends.ko=2%", lambda s: s.psps[0].psp_notify_payment.ends.ko.probability, 0.02),
        (
            "psps.psp-a.outcome_delay.p98=3s",
            lambda s: s.psps[0].outcome_delay,
            delay_s({"lognormal": {"p50": "400 ms", "p98": "3 s"}}),
        ),
        (
            "psps.psp-a.outcome_delay.lognormal.p98=3s",
            lambda s: s.psps[0].outcome_delay,
            delay_s({"lognormal": {"p50": "400 ms", "p98": "3 s"}}),
        ),
        (
            "psps.psp-a.outcome_delay.shift=1s",
            lambda s: s.psps[0].outcome_delay,
            delay_s({"lognormal": {"p50": "400 ms", "p98": "2 s"}, "shift": "1 s"}),
        ),
        (
            "psps.psp-a.outcome_delay.truncate.high=9s",
            lambda s: s.psps[0].outcome_delay,
            delay_s({"lognormal": {"p50": "400 ms", "p98": "2 s"}, "truncate": {"high": "9 s"}}),
        ),
        ("psps.psp-a.outcome_delay.exponential.mean=1s", lambda s: s.psps[0].outcome_delay, Exponential(1.0)),
        ("psps.psp-a.outcome_delay={exponential: {mean: 1 s}}", lambda s: s.psps[0].outcome_delay, Exponential(1.0)),
        ("psps.psp-b.outcome_delay={exponential: {mean: 1 s}}", lambda s: s.psps[1].outcome_delay, Exponential(1.0)),
        ("arrivals.ramp=[{duration: 1 min, rate: 2/s}]", lambda s: s.arrivals.rate, None),
        ('description="a: b=c"', lambda s: s.description, "a: b=c"),
        ("protocol.preset=nodo-observed", lambda s: s.protocol.preset, "nodo-observed"),
        ("slos=[tnspo >= 98%]", lambda s: s.slos, ("tnspo >= 98%",)),
        ("node.ec_pool.size=null", lambda s: s.node.ec_pool.size, None),
    ],
)
def test_a_path_leads_to_a_value_and_the_value_is_yaml(folder, assignment, look, value):
    """By keys, by names and numbers of list items, into laws, and into sections that are not written."""
    assert look(folder.load(SMALL, assignment).scenario) == value


def test_assignments_are_carried_out_in_order(folder):
    """The second changes what the first has made."""
    sets = ("citizen.think_time={lognormal: {median: 1 s, sigma: 1}}", "citizen.think_time.sigma=0.5", "run.seed=1")
    loaded = folder.load(SMALL, *sets, "run.seed=2")
    assert loaded.scenario.citizen.think_time == Lognormal(1.0, 0.5)
    assert loaded.scenario.run.seed == 2
    assert loaded.sets == (*sets, "run.seed=2")


def test_a_path_leads_into_the_parts_of_a_mixture(folder):
    """Parts have no names, so that they are counted from 0."""
    parts = "{weight: 90%, constant: 1 s}, {weight: 10%, exponential: {mean: 1 s}}"
    mixture = f"citizen: {{think_time: {{mixture: [{parts}]}}}}\n"
    law = folder.load(SMALL + mixture, "citizen.think_time.1.mean=9 s").scenario.citizen.think_time
    assert isinstance(law, Mixture)
    assert law.parts[1] == Exponential(9.0)


def test_an_incident_is_called_by_its_name(folder):
    """Or by its number, when it has none."""
    incidents = "incidents: [{name: storm, target: psps.psp-a, effect: outage, at: 1 min, duration: 1 min},\n"
    incidents += "  {target: node, effect: outage, at: 9 min, duration: 1 min}]\n"
    sets = ("incidents.storm.duration=5 min", "incidents.1.mtbf=1 h", "incidents.1.mttr=1 min")
    storm, other = folder.load(SMALL + incidents, *sets).scenario.incidents
    assert storm.duration == 300.0
    assert (other.at, other.duration, other.mtbf, other.mttr) == (None, None, 3600.0, 60.0)


def test_an_assignment_replaces_the_note_together_with_the_value(folder):
    """The source of 14 s says nothing of 20 s; a note around the whole law stays."""
    before = {p.path: (p.value, p.source, p.assumed) for p in folder.load(SMALL + NOTED).provenance}
    assert before["checkout.close.timeout"] == ("14 s", "the real one", None)
    assert before["citizen.think_time.lognormal.p98"] == ("5 min", None, "slow")
    loaded = folder.load(SMALL + NOTED, "checkout.close.timeout=20 s", "citizen.think_time.p98=4 min")
    assert loaded.scenario.checkout.close.timeout == 20.0
    after = {p.path: p.source for p in loaded.provenance}
    assert after == {"citizen.think_time": "a study"}


def test_a_value_may_be_assigned_with_a_note(folder):
    """As in a file: value, and where it is from."""
    loaded = folder.load(SMALL, "run.window={value: 2 h, source: the plan, range: [1 h, 3 h]}")
    (note,) = loaded.provenance
    assert (loaded.scenario.run.window, note.source, note.low, note.high) == (7200.0, "the plan", "1 h", "3 h")


def test_a_change_to_one_user_of_an_anchor_leaves_the_other_alone(folder):
    """psp-b's delay is an alias of psp-a's; each is changed by itself."""
    text = SMALL.replace("outcome_delay: {", "outcome_delay: &delay {").replace(
        "{name: psp-b, share: 40%}", "{name: psp-b, share: 40%, outcome_delay: *delay}"
    )
    usual, slow = (delay_s({"lognormal": {"p50": "400 ms", "p98": p98}}) for p98 in ("2 s", "9 s"))

    def delays(*sets):
        return [psp.outcome_delay for psp in folder.load(text, *sets).scenario.psps]

    assert delays() == [usual, usual]
    assert delays("psps.psp-a.outcome_delay.p98=9 s") == [slow, usual]
    assert delays("psps.psp-b.outcome_delay.p98=9 s") == [usual, slow]


# --- what is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignment", "path", "problem"),
    [
        ("run.seed", "run.seed", "is no assignment  write path=value, for example run.seed=7"),
        ("run.seed=", "run.seed", "is no assignment  write path=value, for example run.seed=7"),
        ("=7", "(file)", "is no assignment  write path=value, for example run.seed=7"),
        ("", "(file)", "is no assignment  write path=value, for example run.seed=7"),
        ("run..seed=7", "run..seed", "has an empty step  write a path such as run.seed"),
        (".=7", ".", "has an empty step  write a path such as run.seed"),
        ("run.sed=7", "run.sed", "is not known here  did you mean seed?"),
        ("rum.seed=7", "rum", "is not known here  did you mean run?"),
        ("run.seed=many", "run.seed", "many is not a whole number  write for example 10"),
        ("run.window=5", "run.window", "5 has no unit of time  write ms, s, min, h or d, for example 5 s"),
        ("run.bin=0 s", "run.bin", "is 0 s  write at least 1 s"),
        ("run.seed=[", "run.seed", "is not YAML: expected the node content, but found '<stream end>'  quote the value"),
        ("run.seed=# 7", "run.seed", "is empty  quote the value, or correct its syntax"),
        ("run.seed=!!binary 7", "run.seed", "has the tag tag:yaml.org,2002:binary  write a plain value without a tag"),
        ("run={seed: 1, seed: 2}", "run.seed", "is written twice  keep one of the two"),
        ("description=a: b=c", "description", "is a section  write a text"),
        ("run.seed=&a [*a]", "run.seed", "is nested too deeply  quote the value, or correct its syntax"),
        ("run.seed=\x00", "run.seed", "has the character #x0000, which YAML does not allow  quote the value"),
        ("name.x.y=3", "name.x", "leads below a single value  shorten the path"),
        ("name.x=3", "name.x", "leads below a single value  shorten the path"),
        ("psps.psp-z.share=1", "psps.psp-z", "is not in the list  name one of psp-a, psp-b"),
        ("psps.psp-z=1", "psps.psp-z", "is not in the list  name one of psp-a, psp-b"),
        ("psps.2.share=1", "psps.2", "is not in the list  name one of psp-a, psp-b"),
        ("psps.-1.share=1", "psps.-1", "is not in the list  name one of psp-a, psp-b"),
        ("psps.\u0660.share=1", "psps.\u0660", "is not in the list  name one of psp-a, psp-b"),
        ("incidents.x.at=1 s", "incidents", "is a section  write a list, [..., ...] or one item after each dash"),
        (
            "psps.psp-a.outcome_delay.p98=banana",
            "psps.psp-a.outcome_delay.lognormal.p98",
            "banana is not a quantity  write for example 250 ms or 15 min",
        ),
        (
            "psps.psp-b.outcome_delay.p98=3 s",
            "psps.psp-b.outcome_delay.p98",
            "is no law  write the law around it, for example {lognormal: {p50: 400 ms, p98: 90 s}}",
        ),
        ("psps.psp-b.workers=-1", "psps.psp-b.workers", "is -1  write at least 0"),
    ],
)
def test_a_problem_shows_the_assignment_itself(folder, assignment, path, problem):
    """In the place of file, line and column: `--set` and what was assigned."""
    shown = assignment.replace("\x00", "\\x00")
    found = folder.problems(SMALL, assignment)
    assert any(line.startswith(f"--set {shown}  {path}  {problem}") for line in found), found


def test_a_plain_tag_of_yaml_is_no_problem(folder):
    """`!!int 7` is 7, and `!!str 7` a text."""
    assert folder.load(SMALL, "run.seed=!!int 7", "title=!!str 7").scenario.title == "7"


def test_what_assignments_break_elsewhere_is_reported_where_it_was_written(folder):
    """A third percentile is too much for the law, which stands in the file; half a share is missing in the list."""
    assert folder.problems(SMALL, "psps.psp-a.outcome_delay.p99=3 s", "psps.psp-a.share=10%") == [
        "s.yaml:6:3  psps  has shares that add up to 50%  write shares that add up to 100%",
        "s.yaml:8:32  psps.psp-a.outcome_delay.lognormal  "
        "lognormal is fixed by 2 percentile(s), not 3  write that many",
    ]


def test_all_wrong_assignments_are_reported_together(folder):
    """With what is wrong in the file."""
    found = folder.problems(SMALL + "titel: x\n", "run.sed=1", "x", "psps.psp-z.share=1")
    assert [line.split("  ")[0] for line in found] == [
        "--set psps.psp-z.share=1",
        "--set run.sed=1",
        "--set x",
        "s.yaml:10:1",
    ]


def test_a_long_assignment_is_shown_shortened(folder):
    """Sixty characters of it; and a path of ten thousand steps is refused, whatever it says."""
    (found,) = folder.problems(SMALL, f"description={'x' * 20_001}")
    assert found.startswith(f"--set description={'x' * 45}...  description  is {'x' * 57}...")
    (found,) = folder.problems(SMALL, ".".join("a" * 10_000) + "=1")
    assert found.endswith("...  (file)  has too many steps  write a path such as run.seed")


def test_an_assignment_may_repair_a_file(folder):
    """What is wrong in the file and replaced by `--set` is no problem."""
    file = folder.write("s.yaml", SMALL.replace("10/s", "fast"))
    assert load(file, ["arrivals.rate=5/s"]).scenario.arrivals.rate == 5.0
