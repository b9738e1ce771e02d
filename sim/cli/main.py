"""The command `pagopa-sim`: its first and its last lines.

The commands themselves are imported inside, so that not even an interruption of that ends in a traceback, and a fault
of the program does not look like an SLO that fails.
"""

import errno
import io
import os
import sys
from contextlib import suppress

UNWRITTEN, FAULT, INTERRUPTED = 2, 4, 130
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says where there is no room, on whatever standard output leads to: no fault of the program."""


def main() -> None:
    """Run the command line."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may have bytes that are no text
    try:
        from sim.cli import experiments, report, studies, trace  # noqa: F401 - they add their commands
        from sim.cli.commands import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            _let_go()
            with suppress(OSError):
                print(f"nothing more can be written ({error.strerror}); make room, or write elsewhere", file=sys.stderr)
            sys.exit(UNWRITTEN)
        import traceback

        traceback.print_exc()
        sys.exit(FAULT)


def _let_go() -> None:
    """Let go of what cannot take what was said to it, so that it does not fail once more at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
