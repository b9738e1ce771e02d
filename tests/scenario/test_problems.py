"""Problems of values: each with file, line and column, path, what is wrong and what to write instead, all at once."""

import pytest

from .conftest import SMALL

EVERYTHING = """\
name: a scenario
arrivals: {rate: 10/s, ramp: [{duration: 1 min, rate: 5/s}]}
run:
  warm_up: -3 s
  window: 5
  replications: 0
  seed: 1.5
  confidence: 95
  bin: .inf
  jobs: 4
cart:
  notices: {1: 50%, 7: 20%, x: 10%}
  amount: 12
protocol: {preset: sanp, token_validity: 45 min, token_extension: soon, idempotency: maybe}
citizen:
  retry: {probability: 150%, max_tries: many}
  think_time:
    lognormal:
      p50: 2 s
      p98: 1 s
ecs:
  - {name: ec 1, share: 50%}
  - name: ec-2
    share: 60%
    workers: -1
    paGetPayment: {ends: {ko: 80%, hang: {probability: 30%, tim: 1 s}}}
psps:
  - {name: psp-a, share: 50%, outcome_delay: {lognormal: {median: fast, sigma: -1}}}
  - {name: psp-a, share: 50%, outcome_tries: 0}
  - {share: 1}
incidents:
  - {target: psps.psp-z, effect: outage, at: 1 min, duration: 0 s}
  - {target: ecs.ec-2, effect: slowdown, mtbf: 1 h}
slos:
  - tnspo{psp=psp-z} >= 98%
  - tnsp >= 98%
  - 7
"""
PROBLEMS = """\
1:7  name  is a scenario  write letters, digits, - and _, at most 64, a letter or digit first
2:11  arrivals  has rate and ramp  write exactly one of rate, ramp and trace
4:12  run.warm_up  -3 s is negative  write zero or more, for example 250 ms or 15 min
5:11  run.window  5 has no unit of time  write ms, s, min, h or d, for example 5 s
6:17  run.replications  is 0  write at least 1
7:9  run.seed  1.5 is not a whole number  write for example 10
8:15  run.confidence  95 is more than 100%  write 0% to 100%
9:8  run.bin  inf is not a quantity  write for example 250 ms or 15 min
10:3  run.jobs  is not known here  write one of warm_up, window, replications, seed, confidence, bin, engine
12:12  cart.notices  has shares that add up to 80%  write shares that add up to 100%
12:21  cart.notices.7  is 7  write at most 5
12:29  cart.notices.x  x is not a whole number  write for example 10
13:11  cart.amount  12 is not an amount  write for example 12 EUR
14:20  protocol.preset  is sanp  write sanp-3.6.1 or nodo-observed
14:42  protocol.token_validity  is 45 min  write at most 1800 s
14:67  protocol.token_extension  soon is not a quantity  write for example 250 ms or 15 min
14:86  protocol.idempotency  is maybe  write true or false
16:24  citizen.retry.probability  150% is more than 100%  write 0% to 100%
16:41  citizen.retry.max_tries  many is not a whole number  write for example 10
19:7  citizen.think_time.lognormal  percentiles are out of order: p50 is not below p98  write rising values
22:3  ecs  has shares that add up to 110%  write shares that add up to 100%
22:12  ecs.ec 1.name  is ec 1  write letters, digits, - and _, at most 64, a letter or digit first
25:14  ecs.ec-2.workers  is -1  write at least 0
26:26  ecs.ec-2.paGetPayment.ends  has probabilities that add up to 110%  write at most 100%; the rest is ok
26:61  ecs.ec-2.paGetPayment.ends.hang.tim  is not known here  did you mean time?
28:3  psps  has shares that add up to 200%  write shares that add up to 100%
28:67  psps.psp-a.outcome_delay.lognormal.median  fast is not a quantity  write for example 250 ms or 15 min
28:80  psps.psp-a.outcome_delay.lognormal.sigma  is not positive  write more than zero
29:5  psps.psp-a  is the name of 2 entries  give every entry its own name
29:46  psps.psp-a.outcome_tries  is 0  write at least 1
30:5  psps.2.name  is missing  add name: ...
32:14  incidents.0.target  names psps.psp-z, which is not in the scenario  did you mean psps.psp-a?
32:63  incidents.0.duration  is 0 s  write more than 0 s
33:5  incidents.1  does not say when it happens  write at and duration, or mtbf and mttr
33:5  incidents.1  slows nothing down  write a factor above 1, for example factor: 10
35:5  slos.0  'psp-z' is no psp of the scenario  did you mean psp-a?
36:5  slos.1  tnsp is not a metric  did you mean tnspo?
37:5  slos.2  is 7  write a text
"""


def test_everything_wrong_in_a_file_is_said_at_once_and_in_order(folder):
    """Values, names, sums and cross-references together, by line and column."""
    assert folder.problems(EVERYTHING) == [f"s.yaml:{line}" for line in PROBLEMS.splitlines()]


def test_the_small_scenario_has_no_problems(folder):
    """What the other tests change one thing of."""
    assert folder.load(SMALL).scenario.name == "small"


def marked(folder, text):
    """Return the problems of a text whose wrong places are marked with @: where they are, and those of the loader.

    Lines and columns of the marks are counted here, on the text.
    """
    places = []
    while "@" in text:
        before, _, after = text.partition("@")
        places.append(f"s.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}")
        text = before + after
    return places, folder.problems(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@arrivals:", "arrivals  is nothing  write a section, name: value"),
        ("arrivals: @10/s", "arrivals  is 10/s  write a section, name: value"),
        ("arrivals: @{}", "arrivals  has no rate, ramp or trace  write exactly one of rate, ramp and trace"),
        ("arrivals: @{rate: }", "arrivals  has no rate, ramp or trace  write exactly one of rate, ramp and trace"),
        ("arrivals: {rate: @10}", "arrivals.rate  10 is not a rate  write /s, /min, /h or /d, for example 10/s"),
        ("arrivals: {rate: @1e7/s}", "arrivals.rate  is 1e7/s  write at most 1000000/s"),
        ("arrivals: {rate: 1/s, process: @often}", "arrivals.process  is often  write poisson or constant"),
        ("arrivals: {rate: 1/s, start_hour: @24}", "arrivals.start_hour  is 24  write less than 24"),
        (
            "arrivals: {rate: 1/s, start_hour: @noon}",
            "arrivals.start_hour  noon is not a finite number  write for example 0.8",
        ),
        (
            "arrivals: {rate: 1/s, start_hour: @.nan}",
            "arrivals.start_hour  nan is not a finite number  write for example 0.8",
        ),
        (f"arrivals: {{rate: 1/s, profile: @{[1] * 23}}}", "arrivals.profile  has 23 entries  write 24 or more"),
        (f"arrivals: {{rate: 1/s, profile: @{[1] * 25}}}", "arrivals.profile  has 25 entries  write 24 or fewer"),
        (
            f"arrivals: {{rate: 1/s, profile: @{[1] * 23 + [2]}}}",
            "arrivals.profile  has the mean 1.042  write 24 factors whose mean is 1",
        ),
        (
            f"arrivals: {{rate: 1/s, profile: [3, @-1, {', '.join('1' * 22)}]}}",
            "arrivals.profile.1  is -1  write at least 0",
        ),
        (
            f"arrivals: {{rate: 1/s, profile: [3, @'-1', {', '.join('1' * 22)}]}}",
            "arrivals.profile.1  is -1  write at least 0",
        ),
        (
            f"arrivals: {{rate: 1/s, profile: @{['100'] * 24}}}",
            "arrivals.profile  has the mean 100  write 24 factors whose mean is 1",
        ),
        (
            f"arrivals: {{rate: 1/s, profile: [@true, {', '.join('1' * 23)}]}}",
            "arrivals.profile.0  true is not a finite number  write for example 0.8",
        ),
        (
            f"arrivals: {{profile: @{[1] * 24}, ramp: [{{duration: 1 s, rate: 1/s}}]}}",
            "arrivals.profile  has no rate to scale  write rate as well",
        ),
        ("arrivals: {ramp: @[]}", "arrivals.ramp  has 0 entries  write 1 or more"),
        ("arrivals: {ramp: [@{rate: 1/s}]}", "arrivals.ramp.0.duration  is missing  add duration: ..."),
        (
            "arrivals: {ramp: [{rate: 1/s, duration: @0 s}]}",
            "arrivals.ramp.0.duration  is 0 s  write more than 0 s",
        ),
        (
            "arrivals: @{rate: 1000000/s}",
            "arrivals  asks for up to 4.2e+09 carts  write a lower rate or a shorter window, for at most 1e+09",
        ),
        (
            f"arrivals: @{{rate: 100000/s, profile: {[24] + [0] * 23}}}",
            "arrivals  asks for up to 1e+10 carts  write a lower rate or a shorter window, for at most 1e+09",
        ),
    ],
)
def test_arrivals_come_in_exactly_one_way(folder, text, said):
    """A rate, a ramp or a trace; 1,000,000/s for 4,200 s are 4.2 x 10^9 carts.

    And 24 times 100,000/s, in the hour that has all of a day's, 1.008 x 10^10.
    """
    (place,), found = marked(folder, SMALL.replace("arrivals: {rate: 10/s}", text))
    assert found == [f"{place}  {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: @[a]", "title  is a list  write a text"),
        (f"title: @{'x' * 201}", f"title  is {'x' * 57}...  write at most this many characters: 200"),
        ("cart: {notices: @{}}", "cart.notices  has 0 entries  write 1 or more"),
        ("cart: {notices: @[1]}", "cart.notices  is a list  write a section, name: value"),
        ("cart: {notices: {@0: 1}}", "cart.notices.0  is 0  write at least 1"),
        ("cart: {amount: @5 s}", "cart.amount  5 s is not an amount  write for example 5 EUR"),
        ("run: {window: @400 d}", "run.window  is 400 d  write at most 31622400 s"),
        ("run: {seed: @9223372036854775808}", "run.seed  is 9223372036854775808  write less than 9223372036854775808"),
        ("protocol: {token_validity: @0 s}", "protocol.token_validity  is 0 s  write more than 0 s"),
        ("protocol: {token_extension: @[1]}", "protocol.token_extension  a list is not a quantity"),
        ("protocol: {idempotency: @2}", "protocol.idempotency  is 2  write true or false"),
        ("cart: {notices: {1: 50%, @' 1': 50%}}", "cart.notices. 1   1 is not a whole number  write for example 10"),
        ("cart: {notices: {1: 50%, @1.0: 50%}}", "cart.notices.1.0  1.0 is not a whole number  write for example 10"),
        ("cart: {notices: {1: 50%, 01: @50%}}", "cart.notices.01  is the size 1 once more  keep one of the two"),
        (
            "protocol: {token_extension: @367 d}",
            "protocol.token_extension  is 367 d  write at most 31622400 s, or none",
        ),
        ("checkout: {redirect_wait: @367 d}", "checkout.redirect_wait  is 367 d  write at most 31622400 s"),
        ("node: {jobs: {mod3CancelV2: @999 ms}}", "node.jobs.mod3CancelV2  is 999 ms  write at least 1 s"),
        ("node: {jobs: {paSendRt: @25 h}}", "node.jobs.paSendRt  is 25 h  write at most 86400 s"),
        ("node: {jobs: {@mod3cancelv2: 1 s}}", "node.jobs.mod3cancelv2  is not known here  did you mean mod3CancelV2?"),
        ("node: {ec_pool: {size: 3, shared: @maybe}}", "node.ec_pool.shared  is maybe  write true or false"),
        ("links: {node_ec: {latency: @-1 ms}}", "links.node_ec.latency  -1 ms is negative"),
        ("links: {node_ec: {loss: @nan%}}", "links.node_ec.loss  nan% is not a quantity"),
        ("slos: @tnspo >= 98%", "slos  is tnspo >= 98%  write a list, [..., ...] or one item after each dash"),
        (f"slos: [@{'x' * 201}]", f"slos.0  is {'x' * 57}...  write at most this many characters: 200"),
        ("@pay:\n  a: 1", "pay  is not known here  write one of name, title, description, protocol, run, arrivals"),
    ],
)
def test_a_value_of_the_wrong_kind_is_said_at_the_value(folder, text, said):
    """And a wrong key at the key."""
    (place,), (found,) = marked(folder, f"{SMALL}{text}\n")
    assert found.startswith(f"{place}  {said}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("  - name: psp-a\n    share: 60%", "  @- name: psp-a\n    share: 59%"),
            "psps  has shares that add up to 99%  write shares that add up to 100%",
        ),
        (("{name: psp-b", "@{name: psp-a"), "psps.psp-a  is the name of 2 entries  give every entry its own name"),
        (("{name: psp-b, ", "@{"), "psps.1.name  is missing  add name: ..."),
        (("name: psp-b", "name: @[b]"), "psps.1.name  is a list  write a text"),
        (("name: psp-b", "name: @''"), "psps.1.name  is an empty text  write letters, digits, - and _"),
        (("  - {name: ec-1, share: 100%}", "  @[]"), "ecs  has 0 entries  write 1 or more"),
        (("{name: ec-1, share: 100%}", "@7"), "ecs.0  is 7  write a section, name: value"),
    ],
)
def test_lists_need_their_items_names_and_sums(folder, change, said):
    """A sum is wrong for the list as a whole, a name for the item."""
    (place,), found = marked(folder, SMALL.replace(*change))
    assert found[0].startswith(f"{place}  {said}")


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (
            "{lost_request: {probability: 1%, time: @3 s}}",
            "lost_request.time  means nothing for a call that does not arrive  leave it out",
        ),
        (
            "{ko: {probability: 1%, done: @30%}}",
            "ko.done  means nothing for ko  leave it out, or write malformed",
        ),
    ],
)
def test_an_end_says_nothing_that_would_be_passed_over(folder, ends, said):
    """A call that does not arrive takes no time at its callee, and a refusal leaves no doubt of what was done."""
    text = SMALL.replace("{name: ec-1, share: 100%}", f"{{name: ec-1, share: 100%, paGetPayment: {{ends: {ends}}}}}")
    (place,), found = marked(folder, text)
    assert found == [f"{place}  ecs.ec-1.paGetPayment.ends.{said}"]


def test_sections_that_are_missing_are_missing_at_the_top(folder):
    """A wrong key does not stand for the right one."""
    assert folder.problems(SMALL.replace("ecs:", "eks:")) == [
        "s.yaml:1:1  ecs  is missing  add ecs: ...",
        "s.yaml:3:1  eks  is not known here  did you mean ecs?",
    ]


@pytest.mark.parametrize(
    ("incident", "said"),
    [
        ("{target: @psps.psp-c, effect: outage, at: 0, duration: 1 s}", "0.target  names psps.psp-c, which is not in "),
        ("{target: @[a], effect: outage, at: 0, duration: 1 s}", "0.target  is a list  write a text"),
        ("{target: node, effect: @boom, at: 0, duration: 1 s}", "0.effect  is boom  write outage, slowdown, partition"),
        ("{target: node, effect: @partition, at: 0, duration: 1 s}", "0.effect  cannot happen to the Node  "),
        (
            "{target: node, effect: outage, primitive: @paSendRT, at: 0, duration: 1 s}",
            "0.primitive  is no call to node  leave primitive out",
        ),
        (
            "{target: psps.psp-a, effect: outage, primitive: @paSendRT, at: 0, duration: 1 s}",
            "0.primitive  is no call to psps.psp-a  write pspNotifyPaymentV2",
        ),
        (
            "{target: ecs.ec-1, effect: outage, primitive: @pspNotifyPaymentV2, at: 0, duration: 1 s}",
            "0.primitive  is no call to ecs.ec-1  write one of paGetPayment, paSendRT",
        ),
        (
            "{target: ecs.ec-1, effect: outage, primitive: @paVerify, at: 0, duration: 1 s}",
            "0.primitive  is paVerify  write paGetPayment, paSendRT or pspNotifyPaymentV2",
        ),
        ("@{target: node, effect: outage}", "0  does not say when it happens  write at and duration, or mtbf and mttr"),
        ("@{target: node, effect: outage, at: 0}", "0  does not say when it happens  write at and duration, or mtbf "),
        (
            "@{target: node, effect: outage, at: 0, duration: 1 s, mtbf: 1 h}",
            "0  does not say when it happens  write at and duration, or mtbf and mttr",
        ),
        (
            "@{target: ecs.ec-1, effect: slowdown, at: 0, duration: 1 s}",
            "0  slows nothing down  write a factor above 1, for example factor: 10",
        ),
        (
            "{target: ecs.ec-1, effect: outage, factor: @3, at: 0, duration: 1 s}",
            "0.factor  means nothing for outage  leave it out, or write effect: slowdown",
        ),
        (
            "{target: ecs.ec-1, effect: slowdown, factor: 3, ends: @{ko: 1}, at: 0, duration: 1 s}",
            "0.ends  means nothing for slowdown  leave it out, or write effect: mix",
        ),
        (
            "{target: ecs.ec-1, effect: mix, ends: @{ko: 90%, hang: 20%}, at: 0, duration: 1 s}",
            "0.ends  has probabilities that add up to 110%  write at most 100%; the rest is ok",
        ),
        ("@{name: storm, target: node, effect: outage}", "storm  does not say when it happens  write at and duration"),
        ("{target: node, effect: outage, mtbf: @0 s, mttr: 1 s}", "0.mtbf  is 0 s  write at least 1 s"),
    ],
)
def test_an_incident_says_what_happens_to_whom_and_when(folder, incident, said):
    """Its position is its own, or that of the value that is wrong."""
    (place,), (found,) = marked(folder, f"{SMALL}incidents:\n  - {incident}\n")
    assert found.startswith(f"{place}  incidents.{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "checkout: {activation: {wait: @366 d}}",
            "checkout.activation.wait  makes 6.32e+07 s in all with 3 tries  write a shorter one or fewer tries",
        ),
        (
            "checkout: {close: {wait: @62 d}}",
            "checkout.close.wait  makes 3.21e+07 s in all with 3 retries  write a shorter one or fewer retries",
        ),
        (
            "checkout: {refund: {wait: @8 d, retries: 10}}",
            "checkout.refund.wait  makes 3.8e+07 s in all with 10 retries  write a shorter one or fewer retries",
        ),
        (
            "node: {result: {wait: @74 d}}",
            "node.result.wait  makes 3.2e+07 s in all with 5 retries  write a shorter one or fewer retries",
        ),
    ],
)
def test_nobody_waits_longer_in_all_than_the_longest_run(folder, text, said):
    """366 days are 31,622,400 s.

    2 x 366 d before the second and third try; 1 + 2 + 3 = 6 times 62 d; 1 + ... + 10 = 55 times 8 d; 5 times 74 d.
    """
    (place,), found = marked(folder, f"{SMALL}{text}\n")
    assert found == [f"{place}  {said}, for at most 31622400 s"]
    shorter = text.replace("@", "").replace("366 d", "180 d").replace("62 d", "61 d").replace("8 d", "6 d")
    assert folder.load(SMALL + shorter.replace("74 d", "73 d"))


def test_outcomes_are_sent_again_for_no_longer_than_the_longest_run(folder):
    """Twelve tries wait for (2^1 - 1) + ... + (2^11 - 1) = 2^12 - 13 = 4,083 slots: 2.15 h each make 366 days."""
    text = SMALL.replace("{name: psp-b, ", "{name: psp-b, outcome_tries: 12, outcome_slot: @130 min, ")
    (place,), found = marked(folder, text)
    assert found == [
        f"{place}  psps.psp-b.outcome_slot  makes 3.18e+07 s in all with 12 outcome_tries  "
        "write a shorter one or fewer outcome_tries, for at most 31622400 s"
    ]
    assert folder.load(text.replace("@130", "129"))
    assert folder.problems(SMALL.replace("{name: psp-b, ", "{name: psp-b, outcome_tries: 13, ")) == [
        "s.yaml:9:34  psps.psp-b.outcome_tries  is 13  write at most 12"
    ]


def test_a_run_has_bins_that_can_be_kept(folder):
    """100 days of a minute are 144,000 bins; 87 s make 99,311 of them, 86 s 100,466."""
    text = "run: {warm_up: 0, window: 100 d, bin: @60 s}\n"
    (place,), found = marked(folder, SMALL + text)
    assert found == [f"{place}  run.bin  makes 144000 bins of 60 s  write 87 s or more, for at most 100000"]
    assert folder.load(SMALL + text.replace("@60 s", "87 s"))


def test_incidents_at_random_are_as_many_as_can_be_kept(folder):
    """30 days are 2,592,000 s: one every 21 s makes 123,429, one every 26 s 99,692."""
    run = "run: {warm_up: 0, window: 30 d, bin: 1 min}\n"
    text = "incidents: [{target: node, effect: outage, mtbf: @20 s, mttr: 1 s}]\n"
    (place,), found = marked(folder, SMALL + run + text)
    assert found == [
        f"{place}  incidents.0.mtbf  makes about 1.2e+05 incidents in 2592000 s  "
        "write a longer time, for at most 100000"
    ]
    assert folder.load(SMALL + run + text.replace("@20 s", "25 s"))


def test_two_incidents_of_one_name_are_told_apart_by_nobody(folder):
    """Names of incidents are for paths, which must lead to one of them."""
    one = "{name: x, target: node, effect: outage, at: 0, duration: 1 s}"
    (place,), found = marked(folder, f"{SMALL}incidents: [{one}, @{one}]\n")
    assert found == [f"{place}  incidents.x  is the name of 2 entries  give every entry its own name"]


def test_problems_do_not_hide_each_other(folder):
    """A share that is no share leaves the sum alone, and a wrong name in an SLO is found next to a wrong PSP."""
    text = SMALL.replace("share: 40%", "share: @most") + "slos: [@'tnspo{psp=psp-bb} >= 98%']\n"
    (share, slo), found = marked(folder, text)
    assert found == [
        f"{share}  psps.psp-b.share  most is not a quantity  write for example 2% or 0.02",
        f"{slo}  slos.0  'psp-bb' is no psp of the scenario  did you mean psp-b?",
    ]


def test_a_law_shared_by_an_anchor_is_complained_of_wherever_it_is_used(folder):
    """At the one place where it is written, under both paths."""
    text = SMALL.replace("outcome_delay: {lognormal: {p50: 400 ms, p98: 2 s}}", "outcome_delay: &d {gamma: {p50: @1}}")
    (place,), found = marked(folder, text.replace("share: 40%}", "share: 40%, outcome_delay: *d}"))
    assert found == [
        f"{place}  psps.{name}.outcome_delay.gamma.p50  1 has no unit of time  "
        "write ms, s, min, h or d, for example 1 s"
        for name in ("psp-a", "psp-b")
    ]


@pytest.mark.parametrize(
    ("path", "line", "written"),
    [
        ("", 1, "name: small"),
        ("name", 1, "small"),
        ("arrivals.rate", 2, "10/s"),
        ("ecs", 4, "- {name: ec-1"),
        ("ecs.ec-1.share", 4, "100%"),
        ("ecs.ec-1.workers", 4, "{name: ec-1"),
        ("psps.psp-a.outcome_delay.lognormal.p98", 8, "2 s"),
        ("psps.psp-b", 9, "{name: psp-b"),
        ("citizen.think_time", 1, "name: small"),
    ],
)
def test_every_value_has_a_position(folder, path, line, written):
    """By path: the value's own, or that of the nearest section that is written."""
    found = folder.load(SMALL).position(path)
    column = SMALL.splitlines()[line - 1].index(written) + 1
    assert (found.line, found.column) == (line, column)
