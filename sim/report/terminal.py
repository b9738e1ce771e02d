"""Consoles: where what is said goes, and what happens when nobody listens any more."""

import os

from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 110
"""Columns of what is not a terminal, unless `COLUMNS` says otherwise."""


class Voice(Console):
    """A console that takes texts as they are, and goes silent when its reader is gone, as after `| head -1`."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = PLAIN_WIDTH

    def on_broken_pipe(self) -> None:
        """Go silent; who only wanted the first lines does not want the run to fail."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def plain(text: str, style: str = "") -> Text:
    """Return a text in which nothing can be taken for an order to the terminal."""
    return Text("".join(char if char.isprintable() else "\ufffd" for char in text), style)
