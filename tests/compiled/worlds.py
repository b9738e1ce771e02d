"""Worlds that random small scenarios do not reach: many of something, or long, or all at one moment.

Each has what it must reach, as a test of the records, so that a change of a default does not empty it unseen. Only
tests may import it.
"""

import numpy as np

from sim.records import CANCEL_CAUSES, STATUSES

NOW, SECOND, SLOW = "0 s", "1 s", {"exponential": {"mean": "5 s"}}
QUICK = {"think_time": SECOND}
GATEWAY = {"authorisation": {"time": SECOND}}
EVERY_FAULT = dict.fromkeys(("ko", "malformed", "unreachable", "lost_request", "lost_reply", "hang"), 0.1)
CALLS = {"time": "20 ms"}
EC = {"name": "ec", "share": 1, "paGetPayment": CALLS, "paSendRT": CALLS}
PSP = {"name": "psp", "share": 1, "pspNotifyPaymentV2": CALLS, "outcome_delay": SECOND}


def made_of(**sections):
    """Return a scenario in which everything is quick and goes well, with some sections replaced."""
    return {
        "name": "reached",
        "run": {"warm_up": "10 s", "window": "50 s", "bin": "10 s", "seed": 4},
        "arrivals": {"rate": "20/s"},
        "citizen": QUICK,
        "checkout": GATEWAY,
        "ecs": [EC],
        "psps": [PSP],
        **sections,
    }


def at_random(target, effect, between="6 s", during="2 s", **more):
    """Return an incident that strikes again and again."""
    return {"target": target, "effect": effect, "mtbf": between, "mttr": during, **more}


def most(table, column, at_least):
    """Return a test of the largest value of a column."""
    return lambda tables: tables[table][column].max() >= at_least


def every_cause(tables):
    """Tell whether payments were cancelled, and each of them for a cause."""
    payments = tables["payments"]
    causes = payments["cancel_cause"][payments["status"] == STATUSES.index("CANCELLED")]
    return len(causes) and np.all(causes != CANCEL_CAUSES.index("none"))


def as_many(table, at_least):
    """Return a test of how many rows a table has."""
    return lambda tables: len(next(iter(tables[table].values()))) >= at_least


WORLDS = {}
"""Scenarios by what is special about them, with the test of what they reach."""

WORLDS["more carts than a block of draws and more rows than are kept"] = (
    made_of(
        arrivals={"process": "constant", "rate": "300/s"},
        cart={"notices": {1: 0.9, 3: 0.1}, "amount": {"lognormal": {"median": "65 EUR", "sigma": 1.5}}},
        citizen={"abandon": 0.9, "think_time": {"lognormal": {"median": "20 s", "sigma": 0.6}}},
    ),
    as_many("carts", 17_000),
)
WORLDS["thousands of creditors with workers and pools of their own"] = (
    made_of(
        arrivals={"rate": "60/s"},
        ecs=[{**EC, "count": 20_000, "zipf": 0.7, "workers": 1, "queue_limit": 1}],
        node={"ec_pool": {"size": 1, "shared": False, "queue_limit": 2, "wait_limit": "100 ms"}},
        incidents=[at_random("ecs.ec", "outage"), at_random("ecs.ec", "slowdown", factor=50)],
    ),
    lambda tables: len(np.unique(tables["payments"]["ec"])) >= 1500,
)
WORLDS["thousands who wait for a pool"] = (
    made_of(
        run={"warm_up": NOW, "window": "10 s", "bin": "10 s"},
        arrivals={"process": "constant", "rate": "1200/s"},
        checkout={**GATEWAY, "activation": {"timeout": "14 s", "tries": 1}},
        node={"ec_pool": {"size": 4}, "psp_pool": {"size": 1, "wait_limit": "20 s"}},
    ),
    most("stations", "queue_max", 9_000),
)
WORLDS["thousands who wait for workers"] = (
    made_of(
        run={"warm_up": NOW, "window": "10 s", "bin": "10 s"},
        arrivals={"process": "constant", "rate": "800/s"},
        checkout={**GATEWAY, "activation": {"timeout": "10 min", "tries": 1}},
        protocol={"ec_timeout": "10 min"},
        ecs=[{**EC, "workers": 2}],
    ),
    most("stations", "queue_max", 6_000),
)
WORLDS["tries and sends without a pause, of hundreds of carts at one moment"] = (
    made_of(
        run={"warm_up": NOW, "window": "60 s"},
        arrivals={"trace": {"file": "at_once.csv", "column": "seconds"}},
        citizen={"retry": {"probability": 1, "max_tries": 12, "wait": SECOND}},
        checkout={"activation": {"timeout": SECOND, "tries": 8, "wait": NOW}},
        links={"checkout_node": {"latency": "4 s"}},
    ),
    as_many("payments", 3_600),
)
WORLDS["tries without end"] = (
    made_of(
        arrivals={"process": "constant", "rate": "18/s"},
        cart={"notices": {1: 0.8, 2: 0.2}},
        citizen={**QUICK, "retry": {"probability": 1, "max_tries": 36, "wait": SLOW}},
        ecs=[{**EC, "paGetPayment": {"time": "20 ms", "ends": {"ko": 0.85}}}],
    ),
    most("carts", "tries", 36),
)
WORLDS["workers that come and go while they are busy"] = (
    made_of(
        ecs=[
            {
                **EC,
                "workers": 30,
                "schedule": [{"at": "12 s", "workers": 1}, {"at": "20 s", "workers": 40}, {"at": "21 s", "workers": 3}],
                "paGetPayment": {"time": {"exponential": {"mean": "2 s"}}},
            }
        ],
        psps=[
            {
                **PSP,
                "queue_limit": 50,
                "schedule": [{"at": "5 s", "workers": 9}, {"at": "30 s", "workers": 0}, {"at": "40 s", "workers": 20}],
                "pspNotifyPaymentV2": {"time": {"uniform": {"low": "100 ms", "high": "3 s"}}},
            }
        ],
    ),
    most("stations", "refused", 10),
)
WORLDS["outages that kill"] = (
    made_of(
        node={"processing": {"workers": 30, "service_time": "500 ms"}},
        ecs=[{**EC, "workers": 20}],
        psps=[{**PSP, "workers": 20, "outcome_tries": 5, "outcome_slot": SECOND}],
        incidents=[
            at_random(target, "outage", in_service=fate)
            for target in ("node", "psps.psp", "ecs.ec")
            for fate in ("kill", "finish")
        ],
    ),
    most("payments", "receipt_sends", 2),
)
WORLDS["every trouble of one actor, by primitive and by all"] = (
    made_of(
        protocol={"receipt_max_retries": 4},
        node={"jobs": {"paSendRt": "7 s"}},
        incidents=[
            {**at_random(target, effect, between, "3 s"), **more, **({"primitive": primitive} if primitive else {})}
            for target, primitives in (
                ("ecs.ec", (None, "paGetPayment", "paSendRT")),
                ("psps.psp", (None, "pspNotifyPaymentV2")),
            )
            for primitive in primitives
            for between, effect, more in (
                ("40 s", "outage", {"in_service": "finish"}),
                ("15 s", "slowdown", {"factor": 30}),
                ("40 s", "partition", {}),
                ("9 s", "lost_replies", {"share": 0.5}),
                ("9 s", "mix", {"ends": EVERY_FAULT}),
            )
        ],
    ),
    most("payments", "receipt_sends", 4),
)
WORLDS["results that are lost again and again"] = (
    made_of(
        links={"checkout_node": {"latency": "10 ms", "loss": 0.4}},
        node={"result": {"first_wait": "20 s", "wait": "7 s", "retries": 3}},
        psps=[{**PSP, "outcome_lost": 0.2, "pspNotifyPaymentV2": {"time": "20 ms", "ends": {"ko": 0.3}}}],
        citizen={**QUICK, "retry": {"probability": 1, "wait": SECOND, "max_tries": 4}},
    ),
    most("carts", "tries", 4),
)
WORLDS["receipts that stay pending for days"] = (
    made_of(
        arrivals={"rate": "5/s"},
        ecs=[{**EC, "paSendRT": {"time": "20 ms", "ends": {"unreachable": 0.5, "lost_reply": 0.3, "malformed": 0.1}}}],
    ),
    most("payments", "receipt_sends", 20),
)
WORLDS["second tokens of one activation"] = (
    made_of(
        protocol={"token_validity": "10 s"},
        node={"jobs": {"mod3CancelV2": "3 s"}},
        checkout={**GATEWAY, "activation": {"timeout": SECOND, "tries": 4, "wait": "4 s"}},
        links={"checkout_node": {"latency": {"exponential": {"mean": "4 s"}}}},
        citizen={**QUICK, "cancel": 0.5, "retry": {"probability": 1, "wait": SLOW}},
    ),
    as_many("payments", 1_000),
)
WORLDS["a second token after a close that was killed"] = (
    made_of(
        run={"warm_up": NOW, "window": "300 s"},
        protocol={"token_validity": SECOND, "idempotency": False},
        node={"processing": {"service_time": "300 ms"}, "jobs": {"mod3CancelV2": "60 s"}},
        checkout={
            "activation": {"timeout": SECOND, "tries": 3, "wait": NOW},
            "close": {"timeout": SECOND, "retries": 0},
        },
        links={"checkout_node": {"latency": {"exponential": {"mean": SECOND}}}},
        citizen={"think_time": NOW, "cancel": 1},
        incidents=[at_random("node", "outage", SECOND, "10 ms")],
    ),
    every_cause,
)
WORLDS["a close that was killed, of a citizen who comes back"] = (
    made_of(
        node={"processing": {"service_time": "300 ms"}},
        checkout={"authorisation": {"time": NOW, "denied": 1}, "close": {"timeout": SECOND, "retries": 0}},
        citizen={"think_time": NOW, "retry": {"probability": 1, "max_tries": 3, "wait": SECOND}},
        incidents=[at_random("node", "outage", SECOND, "10 ms")],
    ),
    every_cause,
)
WORLDS["notifications that arrive when the Node has given up"] = (
    made_of(
        protocol={"psp_timeout": SECOND, "receipt_timeout": SECOND, "ec_timeout": SECOND},
        links={"node_psp": {"latency": {"exponential": {"mean": SECOND}}}, "node_ec": {"latency": "400 ms"}},
        psps=[{**PSP, "outcome_timeout": SECOND, "outcome_slot": SECOND}],
    ),
    lambda tables: np.count_nonzero(tables["payments"]["paid_s"] > tables["payments"]["answered_s"] + 2) >= 50,
)
WORLDS["outcomes that were late already when the Node knew how their notification had ended"] = (
    made_of(
        protocol={"token_extension": NOW, "psp_timeout": "20 s"},
        links={"node_psp": {"latency": "4 s", "loss": 0.1}},
        psps=[{**PSP, "outcome_delay": NOW, "outcome_timeout": SECOND}],
    ),
    lambda tables: np.count_nonzero(tables["payments"]["outcome_s"] < tables["payments"]["answered_s"]) >= 50,
)
for shared in (True, False):
    WORLDS[f"pools {'of all' if shared else 'of each'}, with limits"] = (
        made_of(
            node={
                "ec_pool": {"size": 3, "shared": shared, "queue_limit": 30, "wait_limit": "2 s"},
                "psp_pool": {"size": 5, "shared": shared, "wait_limit": SECOND},
            },
            ecs=[{**EC, "share": 0.5, "count": 2}, {**EC, "share": 0.5, "name": "ec-2", "workers": 2}],
            psps=[
                {**PSP, "share": 0.5, "pspNotifyPaymentV2": {"time": SECOND}},
                {
                    **PSP,
                    "share": 0.5,
                    "name": "psp-2",
                    "pspNotifyPaymentV2": {"time": {"exponential": {"mean": SECOND}}},
                },
            ],
        ),
        most("stations", "refused", 5),
    )
WORLDS["nothing but whole seconds, so that much happens at one moment"] = (
    made_of(
        run={"warm_up": NOW, "window": "50 s", "bin": SECOND},
        arrivals={"process": "constant", "rate": "16/s"},
        cart={"notices": {1: 0.5, 5: 0.5}},
        citizen={**QUICK, "cancel": 0.2, "retry": {"probability": 1, "wait": SECOND}},
        protocol={"token_validity": "5 s", "psp_timeout": SECOND, "receipt_max_retries": 3},
        checkout={
            "parallel_activations": 2,
            "authorisation": {"time": SECOND},
            "activation": {"timeout": "2 s", "tries": 3, "wait": SECOND},
            "close": {"timeout": "2 s", "wait": SECOND, "margin": NOW},
        },
        node={
            "processing": {"workers": 90, "service_time": SECOND},
            "ec_pool": {"size": 30, "wait_limit": SECOND},
            "jobs": {"mod3CancelV2": SECOND, "paSendRt": SECOND},
        },
        links={name: {"latency": NOW, "loss": 0.05} for name in ("checkout_node", "node_ec", "node_psp")},
        ecs=[{**EC, "paGetPayment": {"time": NOW}, "paSendRT": {"time": SECOND, "ends": {"unreachable": 0.3}}}],
        psps=[{**PSP, "pspNotifyPaymentV2": {"time": SECOND}, "outcome_slot": SECOND, "outcome_timeout": SECOND}],
    ),
    most("stations", "queue_max", 5),
)
WORLDS["bins of a second, through to the end of a long drain"] = (
    made_of(
        run={"warm_up": NOW, "window": "50 s", "bin": SECOND},
        node={"processing": {"workers": 2, "service_time": "100 ms"}},
        checkout={**GATEWAY, "activation": {"timeout": "200 s"}, "close": {"timeout": "200 s"}},
    ),
    as_many("stations", 5_000),
)
for preset, other in (("sanp-3.6.1", True), ("nodo-observed", False)):
    WORLDS[f"{preset} with every rule overridden"] = (
        made_of(
            protocol={
                "preset": preset,
                "token_validity": "20 s",
                "token_extension": "30 s" if other else "none",
                "unreachable_is_final": other,
                "accepted_expires": not other,
                "psp_timeout": "2 s",
                "ec_timeout": "2 s",
                "receipt_timeout": "2 s",
                "idempotency": not other,
                "idempotency_validity": "3 s",
                "receipt_max_retries": 2,
                "late_ko_fault": "PPT_SEMANTICA" if other else "PPT_TOKEN_SCADUTO_KO",
                "after_refusal_fault": "PPT_TOKEN_SCADUTO" if other else "PPT_SEMANTICA",
            },
            node={"jobs": {"mod3CancelV2": "5 s", "paSendRt": "9 s"}},
            citizen={**QUICK, "abandon": 0.1, "retry": {"probability": 1, "wait": SLOW}},
            psps=[
                {
                    **PSP,
                    "pspNotifyPaymentV2": {"time": "20 ms", "ends": EVERY_FAULT},
                    "outcome_delay": {"exponential": {"mean": "20 s"}},
                    "outcome_ko": 0.1,
                    "outcome_after_ko": 0.5,
                    "books_after_hang": 0.5,
                    "outcome_timeout": SECOND,
                }
            ],
            ecs=[{**EC, "paSendRT": {"time": "20 ms", "ends": EVERY_FAULT}}],
        ),
        as_many("refusals", 4),
    )
WORLDS["nobody at all"] = (made_of(arrivals={"rate": "0/s"}), lambda tables: not len(tables["carts"]["cart"]))
