"""What a page says of causes, places and pictures, for readers who do not know the platform's words.

Values keep their spelling beside the words, so that a page can be held against the tables and the documents.
"""

from collections.abc import Mapping

EXPIRY: Mapping[str, str] = {
    "abandoned": "the citizen left the page without cancelling",
    "activation_failed": "another notice of the cart could not be activated, and this token stayed open",
    "close_late": "the citizen or the gateway took longer than the token lasts, and closePaymentV2 came too late",
    "close_not_delivered": "closePaymentV2 did not get through to the Node in time",
    "outcome_missing_accepted": "the PSP accepted the payment, and no outcome came",
    "outcome_missing_unknown": "the PSP gave no usable answer to the notification, and no outcome came",
    "outcome_late": "the outcome came when the token had been cancelled",
}
"""Why a token expired, by cause."""
REVERSAL: Mapping[str, str] = {
    "psp_refused": "the PSP refused the payment that its gateway had authorised",
    "psp_unreachable": "the PSP could not be reached",
    "token_expired": "the token expired after the money had been taken",
    "close_rejected": "the Node rejected closePaymentV2",
    "close_not_delivered": "Checkout could not deliver closePaymentV2",
}
"""Why money was given back, by cause."""
PLACES: Mapping[str, str] = {
    "authorised": "taken from the citizens",
    "receipted": "paid: the EC has its receipt",
    "reversed": "given back to the citizens",
    "pending_receipt": "paid, but the EC has no receipt yet",
    "manual_check": "left to a manual check",
    "both_ways": "receipted and given back as well: an anomaly",
}
"""Where authorised money is at the end, by place; the first is the sum of the others but the last."""
PICTURES: Mapping[str, str] = {
    "outcome_delay": "The clock starts when the PSP's acceptance reaches the Node and stops when the first outcome "
    "does. A PSP meets the service level where its line is above the mark at 2 s.",
    "token_fate": "Every token is counted at the moment of its issue, whenever its fate was decided.",
    "reversals": "Money that the gateway had taken and that had to be given back.",
    "stations": "A station is a pool of workers that takes calls; near 100% utilisation its queue grows.",
    "citizen_wait": "Time spent waiting for the system, without thinking and authorising, over all tries of a cart.",
    "convergence": "A mean that has settled, with an interval that no longer narrows much, needs no more replications.",
    "warm_up": "Carts that arrive before the measured window fill the empty system and are not counted.",
}
"""How to read each picture of a run."""
GLOSSARY: Mapping[str, str] = {
    "EC": "ente creditore, the creditor to whom a notice is paid; ECs come in groups that behave alike",
    "PSP": "prestatore di servizi di pagamento, the payment service provider that carries a payment out",
    "Checkout, Node": "the platform's payment page, and the hub between it, the ECs and the PSPs",
    "cart, notice, token": "a citizen pays a cart of one to five notices; the Node issues a token for each, which is "
    "valid for a time and blocks its notice meanwhile",
    "outcome": "the PSP's message to the Node that an accepted payment was made: it is owed within 2 s",
    "reversal": "storno: money that had been taken from the citizen is given back",
    "TNSPO, TPNP": "official indicators of a PSP: outcomes sent, and notifications answered, within 2 s",
    "LSPO, DASPO": "official indicators of a PSP: outcomes for expired tokens, and payments without any outcome",
    "TGP, TSRT": "official indicators of an EC: paGetPayment and paSendRT (the receipt) answered within 2 s",
    "replication": "one simulated run of the scenario with random numbers of its own; figures are means over all",
    "interval": "where the true figure of the model lies with the stated confidence, given so many replications",
    "pass, fail, undecided": "the whole interval meets the limit, none of it does, or the limit lies inside: more "
    "replications may decide it",
}
"""Words of the page."""
