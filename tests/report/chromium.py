"""A headless Chromium to look at pages with, driven over its debugging pipe, which needs nothing but the browser.

Only tests may import it. What a page says on the console, throws, or asks the network for is kept for the test to see.
"""

import json
import os
import select
import shutil
import subprocess
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
PATIENCE_S = 120


class Browser:
    """A running browser; `open` gives pages."""

    def __init__(self, profile: Path) -> None:
        # The browser reads orders from its file descriptor 3 and answers on 4, each ended by a zero byte.
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        placed = f'exec "$@" 3<&{orders} 4>&{answers}'
        self._process = subprocess.Popen(  # noqa: S603 - the browser of this machine
            ["/bin/sh", "-c", placed, "sh", str(PATH), *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(orders, answers), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(orders)
        os.close(answers)
        self._read = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Give an order and return its answer; events on the way are kept."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        until = time.monotonic() + PATIENCE_S
        while True:
            said = self._next(until)
            if said.get("id") == self._number:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self.events.append(said)

    def wait(self, session: str, method: str) -> None:
        """Wait for an event."""
        until = time.monotonic() + PATIENCE_S
        while not any(e.get("method") == method and e.get("sessionId") == session for e in self.events):
            self.events.append(self._next(until))

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
    def open(self, file: Path, width: int, height: int = 900):
        """Open a file in a page of a width, with everything that it says being kept."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.events.clear()
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        page.ask("Page.navigate", url=file.resolve().as_uri())
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
