"""A headless Chromium, driven through its debugging pipe: messages of JSON, each ended by a zero byte."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """One tab. `events` keeps all that Chromium tells unasked."""

    def __init__(self, sending: int, hearing: int) -> None:
        self.sending, self.hearing, self.buffer, self.number, self.session = sending, hearing, b"", 0, None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        os.write(self.sending, json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while True:
            answer = self._hear()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, address: str) -> None:
        before = len(self.events)
        self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[before:]):
            self._hear()

    def evaluate(self, expression: str) -> Any:
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def click(self, selector: str) -> None:
        """Where it stands on the page, as a mouse would."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{element}.scrollIntoView()")
        found = json.loads(self.evaluate(f"JSON.stringify({element}.getBoundingClientRect())"))
        place = {"x": found["x"] + found["width"] / 2, "y": found["y"] + found["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def complaints(self) -> list[str]:
        """Errors of the console, uncaught exceptions, and every address that was asked for beyond the file itself."""
        found = []
        for event in self.events:
            match event:
                case {"method": "Runtime.exceptionThrown"}:
                    found.append(str(event["params"]))
                case {"method": "Runtime.consoleAPICalled", "params": {"type": "error" | "warning"}}:
                    found.append(str(event["params"]))
                case {"method": "Log.entryAdded", "params": {"entry": {"level": "error" | "warning"} as entry}}:
                    found.append(str(entry))
                case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                    found += [] if url.startswith(("file:", "data:", "about:")) else [url]
        return found

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            data = os.read(self.hearing, 1 << 20)
            assert data, "Chromium is gone"
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b"\0")
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A page of a browser that has never been used before, with its profile in the folder `profile`."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "the tests open reports in Chromium: install it (apt-get install chromium)"
    their_in, sending = os.pipe()
    hearing, their_out = os.pipe()
    shell = f'exec "$@" 3<&{their_in} 4>&{their_out}'  # the numbers that Chromium expects
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", program, *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=[their_in, their_out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(their_in)
    os.close(their_out)
    try:
        yield Page(sending, hearing)
    finally:
        os.close(sending)  # it ends with its pipe
        os.close(hearing)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
