"""A reader of the part of Mermaid that sequence diagrams of replays use, stricter than Mermaid itself.

Only tests may import it. `#` begins and `;` ends a character code, and outside of one either ends a statement, so that
neither may be in a text; `%%` would begin a comment.
"""

import re

_TEXT = r"(?:[^#;%<>\n]|#\d+;|<br/>)+"
_LINE = re.compile(
    rf"    (?:participant (?P<new>\w+) as {_TEXT}"
    rf"|Note over (?P<over>\w+(?:,\w+)?): {_TEXT}"
    rf"|(?P<sender>\w+)(?P<arrow>->>|-->>|-x)(?P<receiver>\w+): {_TEXT})"
)


def well_formed(diagram):
    """Check every line of a diagram and return its messages as (sender, arrow, receiver)."""
    first, *lines = diagram.removesuffix("\n").split("\n")
    assert first == "sequenceDiagram"
    known, messages = set(), []
    for line in lines:
        read = _LINE.fullmatch(line)
        assert read, line
        if read["new"]:
            assert read["new"] not in known
            known.add(read["new"])
        elif read["over"]:
            assert set(read["over"].split(",")) <= known
        else:
            assert {read["sender"], read["receiver"]} <= known
            messages.append((read["sender"], read["arrow"], read["receiver"]))
    return messages
