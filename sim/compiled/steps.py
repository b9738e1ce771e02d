"""The steps of a flow, what it can ask for on its way, and the effects of incidents, as codes.

Each actor has its own hundred of steps, which are done by the function of the same name in its module.
"""

import numpy as np

from sim.compiled.jit import numbers
from sim.records import LIMITS_MS

OF_CHECKOUT, OF_PSPS, OF_ECS, OF_JOBS, OF_CALLS = numbers(range(100, 600, 100))
ARRIVE, ARRIVE_NEXT, TRY, TRY_DRAWN, LANES, LANE, JOINED, ACTIVATED, TRY_RETURNS, TRY_OVER = numbers(range(10))
(
    ACTIVATION_SENDS, ACTIVATION_AT_NODE, ACTIVATION_STARTED, ACTIVATION_ANSWERED, ACTIVATION_ENTERED, ACTIVATION_TOLD,
    ACTIVATION_HEARD, CLOSE_AGAIN, CLOSE_SENDS, CLOSE_AT_NODE, CLOSE_STARTED, CLOSE_TOLD, CLOSE_UNHEARD, CLOSE_HEARD,
    NO_ANSWER,
) = numbers(range(100, 115))  # fmt: skip
(
    FOLLOW, NOTIFICATION_ANSWERED, NOTIFICATION_ENTERED, OUTCOME_DUE, OUTCOME_AGAIN, OUTCOME_SENDS, OUTCOME_AT_NODE,
    OUTCOME_STARTED, OUTCOME_ENTERED, OUTCOME_TOLD, OUTCOME_HEARD,
) = numbers(range(200, 211))  # fmt: skip
RECEIPTS, RECEIPT_SENDS, RECEIPT_ANSWERED, RECEIPT_ENTERED = numbers(range(300, 304))
SWEEP, HARVEST, SWEPT, SEND_PENDING, JOB_DONE = numbers(range(400, 405))
(
    CALL, CALL_PERMIT, CALL_GRANTED, CALL_LEAVES, CALL_ARRIVED, CALL_TAKEN, CALL_LOSES, CALL_SERVED, CALL_OVER,
    LATE_CALL,
) = numbers(range(500, 510))  # fmt: skip

ASK_BLOCK, ASK_TRY, ASK_CALL, ASK_CALLEE, ASK_MIX, ASK_REPLY, ASK_ROOM, ASK_LOOK, ALL_DONE = numbers(range(1, 10))
"""What the machine stops for: draws of the next carts, of a later try, of a call that is sent again; a callee that
nobody has called before; what incidents make of a call and of its reply; room; whoever watches; and the end."""

EFFECTS = ("outage", "slowdown", "partition", "lost_replies", "mix")
OUTAGE, SLOWDOWN, PARTITION, LOST_REPLIES, MIX = numbers(range(5))

LIMITS_US = np.array(LIMITS_MS) * 1000
