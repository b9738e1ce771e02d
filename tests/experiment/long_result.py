"""A program that is interrupted while a worker hands over a long result: `python -m experiment.long_result`."""

from sim.experiment.executors import crew

LONG = 100_000_000
"""Bytes, of which a pipe takes some 64,000 at a time: handing them over takes a good while."""


def long_result(task, report):
    """Say that the result comes, and give it."""
    report(task)
    return bytes(LONG)


def interrupt():
    """Press Ctrl-C as soon as the worker has said that its result comes."""

    def pressed(said):
        raise KeyboardInterrupt(said)

    try:
        with crew(2) as workers:
            list(workers.carry_out(long_result, [0, 1], pressed))
    except KeyboardInterrupt:
        print("interrupted")


if __name__ == "__main__":
    interrupt()
