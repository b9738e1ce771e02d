"""The command `pagopa-sim`: its first and its last lines.

The commands themselves are imported inside, so that not even an interruption of that ends in a traceback, and a fault
of the program does not look like an SLO that fails.
"""

import sys

FAULT, INTERRUPTED = 4, 130


def main() -> None:
    """Run the command line."""
    try:
        from sim.cli import experiments, report, studies, trace  # noqa: F401 - they add their commands
        from sim.cli.commands import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception:
        import traceback

        traceback.print_exc()
        sys.exit(FAULT)
