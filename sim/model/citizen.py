"""The citizen: pays a cart, and may come back with the same notices when a try has failed."""

from sim.kernel.clock import Steps
from sim.model.cart import Cart, Try
from sim.model.checkout import Checkout
from sim.model.plan import Plan


def journey(cart: Cart, plan: Plan, checkout: Checkout, max_tries: int) -> Steps:
    """Follow one cart from arrival to the citizen's last try and all that follows in its own flow."""
    at = cart.arrived_s
    for number in range(max_tries):
        draws = plan.cart(cart.number, number)
        attempt = Try(cart, number, draws)
        cart.tries.append(attempt)
        failed = yield from checkout.pay(attempt, at)
        if failed is None or not draws.comes_back:
            break
        at = failed + draws.wait_s
