"""What of a scenario the idiomatic model understands."""

from sim.kernel.distributions import Constant
from sim.scenario.presets import settings_of
from sim.scenario.schema import Scenario


def refuse_unsupported(scenario: Scenario) -> None:
    """Raise `ValueError` when a scenario uses what this model leaves out."""
    links, node, citizen = scenario.links, scenario.node, scenario.citizen
    settings = settings_of(scenario.protocol)
    servers = (*scenario.ecs, *scenario.psps)
    services = [s for g in scenario.ecs for s in (g.pa_get_payment, g.pa_send_rt)]
    services += [p.psp_notify_payment for p in scenario.psps]
    unsupported = {
        "arrivals other than a Poisson process": scenario.arrivals.process != "poisson" or not scenario.arrivals.rate,
        "a profile of arrivals": scenario.arrivals.profile is not None,
        "a warm-up": scenario.run.warm_up > 0,
        "cancelling or returning citizens, or denials": citizen.cancel + citizen.retry.probability > 0
        or scenario.checkout.authorisation.denied > 0,
        "links that vary or lose": any(
            each.loss > 0 or not isinstance(each.latency, Constant)
            for each in (links.checkout_node, links.node_ec, links.node_psp)
        ),
        "fewer lanes than notices": scenario.checkout.parallel_activations < max(scenario.cart.notices),
        "pools": node.ec_pool.size is not None or node.psp_pool.size is not None,
        "money left to a manual check": scenario.checkout.when_close_unanswered == "manual_check",
        "queue limits or schedules": any(s.queue_limit is not None or s.schedule for s in servers)
        or node.processing.queue_limit is not None,
        "outcomes KO or stray, booking late": any(
            p.outcome_ko + p.outcome_after_ko + p.books_after_hang > 0 for p in scenario.psps
        ),
        "ends other than ko, lost_reply and unreachable": any(
            s.ends.malformed.probability + s.ends.lost_request.probability + s.ends.hang.probability > 0
            or any(end.time is not None for end in (s.ends.ko, s.ends.lost_reply, s.ends.unreachable))
            for s in services
        ),
        "incidents": bool(scenario.incidents),
        "another protocol than the text": settings.unreachable_is_final
        or not settings.accepted_expires
        or settings.token_extension_s is not None,
    }
    if found := [what for what, present in unsupported.items() if present]:
        raise ValueError(f"the idiomatic model has no {'; no '.join(found)}")
