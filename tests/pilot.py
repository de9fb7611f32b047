"""A full screen driven through Textual's pilot: what it shows as text, and waiting for it."""

import asyncio
import io
import re
from collections.abc import Awaitable, Callable

from rich.console import Console
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

PATIENCE = 120.0  # seconds; the machine may be busy


def shown(app: App[None], *parts: str) -> str:
    """What the head and the body say, or other parts, as text."""
    text = io.StringIO()
    console = Console(file=text, width=200, color_system=None)
    for part in parts or ("#head", "#body"):
        console.print(app.query_one(part, Static).content)
    return re.sub(r"\s+", " ", text.getvalue())


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(shown(pilot.app))


def told(app: App[None], words: str, *parts: str) -> Callable[[], bool]:
    return lambda: words in shown(app, *parts)


def in_pilot(app: App[None], steps: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await steps(pilot)

    asyncio.run(run())


def notices(app: App[None]) -> str:
    return " ".join(notification.message for notification in app._notifications)
