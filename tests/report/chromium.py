"""A headless Chromium to look at pages with, driven over its debugging pipe, which needs nothing but the browser.

Only tests may import it. What a page says on the console, throws, or asks the network for is kept for the test to see.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
# The browser reads orders from its file descriptor 3 and answers on 4, each ended by a zero byte.
_PLACED = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, end in zip((3, 4), ends):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])"""
PATIENCE_S = 60


class Browser:
    """A running browser; `open` gives pages."""

    def __init__(self, profile: Path) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        ends = orders, answers
        self._process = subprocess.Popen(  # noqa: S603 - the browser of this machine
            [sys.executable, "-c", _PLACED, *map(str, ends), str(PATH), *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=ends, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in ends:
            os.close(end)
        self._read = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Give an order and return its answer; events on the way are kept."""
        number = self._order(method, session, params)
        until = time.monotonic() + PATIENCE_S
        while True:
            said = self._next(until)
            if said.get("id") == number:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self._hear(said)

    def wait(self, session: str, method: str) -> None:
        """Wait for an event."""
        until = time.monotonic() + PATIENCE_S
        while not any(e["method"] == method and e.get("sessionId") == session for e in self.events):
            self._hear(self._next(until))

    def _order(self, method: str, session: str | None, params: dict[str, Any]) -> int:
        self._number += 1
        order = {"id": self._number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        return self._number

    def _hear(self, event: dict[str, Any]) -> None:
        """Keep an event; a dialog is answered at once, since the page stands still until it is."""
        if "method" not in event:
            return
        self.events.append(event)
        if event["method"] == "Page.javascriptDialogOpening":
            self._order("Page.handleJavaScriptDialog", event["sessionId"], {"accept": True})

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser is gone"
            self._read += part
        said, _, self._read = self._read.partition(b"\0")
        return json.loads(said)

    @contextmanager
    def open(self, address: Path | str, width: int, height: int = 900):
        """Open a file or an address in a page of a width, with everything that it says being kept."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.events.clear()
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        page.ask("Page.navigate", url=address.resolve().as_uri() if isinstance(address, Path) else address)
        self.wait(session, "Page.loadEventFired")
        try:
            yield page
        finally:
            self.ask("Target.closeTarget", targetId=target)

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_S)
        os.close(self._orders)
        os.close(self._answers)


class Page:
    """One page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self.session = browser, session

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give an order to the page."""
        return self.browser.ask(method, self.session, **params)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression, or what its promise gives."""
        said = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def _heard(self, *methods: str) -> list[dict[str, Any]]:
        self.evaluate("new Promise(done => setTimeout(done, 50))")
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [event["params"] for event in mine if event["method"] in methods]

    def complaints(self) -> list[dict[str, Any]]:
        """Return what was said on the console, thrown, or logged by the browser, such as a breach of the policy."""
        return self._heard("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")

    def requests(self) -> list[str]:
        """Return the addresses that were asked for."""
        return [each["request"]["url"] for each in self._heard("Network.requestWillBeSent")]

    def dialogs(self) -> int:
        """Return how often the page has interrupted its reader."""
        return len(self._heard("Page.javascriptDialogOpening"))
