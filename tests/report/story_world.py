"""Stored runs of the world that can be reckoned by hand (`model.worlds`), and of one in which everything goes wrong.

Only tests may import it.
"""

from pathlib import Path

from model.worlds import world

from sim.experiment.run import run as run_loaded
from sim.reader import Recorded, payment_id
from sim.report.stories.story import story
from sim.report.stories.telling import moments
from sim.scenario.load import from_dict

BOTH = ("calls", "states")

ODD = {
    "name": "odd",
    "protocol": {"preset": "sanp-3.6.1", "token_validity": "5 min"},
    "run": {"warm_up": "0 s", "window": "60 s", "replications": 1, "seed": 3},
    "arrivals": {"rate": "4/s"},
    "citizen": {
        "abandon": "5%",
        "cancel": "5%",
        "retry": {"probability": "80%", "wait": "20 s"},
        "think_time": "5 s",
    },
    "checkout": {
        "activation": {"timeout": "3 s", "tries": 3},
        "authorisation": {"time": "5 s", "denied": "5%"},
        "parallel_activations": 2,
    },
    "cart": {"notices": {1: "50%", 3: "50%"}},
    "links": {
        "checkout_node": {"latency": "5 ms", "loss": "3%"},
        "node_psp": {"latency": "20 ms", "loss": "3%"},
        "node_ec": {"latency": "20 ms", "loss": "2%"},
    },
    "node": {"jobs": {"mod3CancelV2": "60 s", "paSendRt": "10 min"}, "ec_pool": {"size": 20}},
    "ecs": [
        {
            "name": "ec-1",
            "share": "60%",
            "count": 5,
            "workers": 2,
            "paGetPayment": {"time": {"exponential": {"mean": "500 ms"}}, "ends": {"ko": "5%", "hang": "2%"}},
            "paSendRT": {"ends": {"ko": "3%", "lost_reply": "5%", "malformed": "2%"}},
        },
        {"name": "ec-2", "share": "40%"},
    ],
    "psps": [
        {
            "name": "psp-a",
            "share": "40%",
            "pspNotifyPaymentV2": {
                "ends": {"ko": "10%", "malformed": "5%", "lost_reply": "5%", "unreachable": "3%"},
            },
            "outcome_ko": "10%",
            "outcome_after_ko": "50%",
            "outcome_delay": {"exponential": {"mean": "1.5 s"}},
        },
        {"name": "psp-b", "share": "30%", "outcome_delay": {"exponential": {"mean": "200 s"}}},
        {
            "name": "psp-c",
            "share": "30%",
            "workers": 2,
            "outcome_lost": "20%",
            "outcome_delay": "10 ms",
            "pspNotifyPaymentV2": {"time": "2 s"},
        },
    ],
}
"""Losses on every link, every end of a call, retries, carts of three in two lanes, queues, a pool, outcomes of all
kinds: about 240 carts in which each rule applies to somebody."""


def odd(out: Path, *sets, record=BOTH):
    """Run the world in which everything goes wrong, and return its folder."""
    return run_loaded(from_dict(ODD, sets), out=out, record=record)


def stored(out: Path, *sets, record=BOTH, **sections):
    """Run the world that can be reckoned by hand, one replication, and return the run."""
    return run_loaded(world(*sets, **sections), replications=1, out=out, record=record)


def told(out: Path, *sets, payment="0.0.0", **sections):
    """Return the story of a payment of the world that can be reckoned by hand."""
    return story(Recorded(stored(out, *sets, **sections).folder), payment_id(payment))


def lines(one):
    """Return the moments of a story: seconds after the arrival, kind, what, why, and rules."""
    return [
        (round(each.at_s - one.begun_s, 3), each.kind, each.what, each.because.said, each.because.rules)
        for each in moments(one)
    ]
