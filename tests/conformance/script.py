"""Short names for the steps of a case, for tests that script a payment.

The vocabulary is that of the cases that were taken from the real Node's public tests. Only tests may import it.
"""

from sim.model.cases import CASES
from sim.model.replay import replay


def activate(at_s, notice="N1", label="T1", ec="EC1", **more):
    """Script an activation by Checkout."""
    return {"do": "activate", "at_s": at_s, "notice": notice, "token": label, "ec": ec, "amount_eur": "10.00", **more}


def close(at_s, *tokens, outcome="OK", **more):
    """Script a close by Checkout, of T1 unless told."""
    return {"do": "close_payment", "at_s": at_s, "tokens": tokens or ("T1",), "outcome": outcome, **more}


def outcome(at_s, *tokens, said="OK", **more):
    """Script an outcome from the PSP, for T1 unless told."""
    return {"do": "send_outcome", "at_s": at_s, "tokens": tokens or ("T1",), "outcome": said, **more}


def job(at_s, name="mod3CancelV2"):
    """Script one run of a job."""
    return {"do": "job", "at_s": at_s, "name": name}


def resend(at_s):
    """Script one run of the job that sends pending receipts again."""
    return job(at_s, "paSendRt")


def force_payment(at_s, label, status):
    """Script a payment's status being overwritten in the database."""
    return {"do": "force", "at_s": at_s, "token": label, "payment_status": status}


def force_position(at_s, notice, status):
    """Script a notice's status being overwritten in the database."""
    return {"do": "force", "at_s": at_s, "notice": notice, "position_status": status}


def setting(at_s, **what):
    """Script a change of settings."""
    return {"do": "set", "at_s": at_s, **what}


def next_receipt(at_s, ec, answer):
    """Script how the next receipt to an EC is answered."""
    return {"do": "next_receipt", "at_s": at_s, "ec": ec, "answer": answer}


def case(*steps, **more):
    """Make a case of these steps, as a file would have it."""
    return {"id": "scripted", "steps": steps, **more}


class Played:
    """A replayed case, with what tests look at."""

    def __init__(self, *steps, **more):
        (self.replayed,) = replay(CASES.validate_python([case(*steps, **more)]))
        self.steps = self.replayed.to_json()["steps"]

    def said(self, step=-1):
        """Return the fault code of a reply, its HTTP status if it has one, or its outcome."""
        reply = self.steps[step]["reply"]
        return reply["http"] or reply["fault_code"] or reply["outcome"]

    def payment(self, label="T1", step=-1):
        """Return a payment as it was after a step."""
        return self.steps[step]["after"]["payments"][label]

    def status(self, *labels, step=-1):
        """Return the status of one token, T1 unless told, or the statuses of several."""
        found = [self.payment(label, step)["status"] for label in labels or ("T1",)]
        return found if len(labels) > 1 else found[0]

    def history(self, label="T1", step=-1):
        """Return a payment's history as it was after a step."""
        return self.payment(label, step)["history"]

    def position(self, notice="N1", step=-1):
        """Return the status of a notice as it was after a step."""
        return self.steps[step]["after"]["positions"][notice]["status"]

    def receipts(self, label="T1", step=-1):
        """Return the ECs that a receipt of a payment went to, with its status there."""
        return [(each["ec"], each["status"]) for each in self.payment(label, step)["recipients"]]
