"""A command as a person types it at a terminal: what it prints, and what is typed when it asks."""

import asyncio
import os
import pty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.remote.test_login import Terminal

WITHIN_S = 30.0


@dataclass
class Typing:
    """One command that runs at a terminal of its own."""

    controller: int
    process: asyncio.subprocess.Process
    printed: str = ""
    seen: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def take_in(self) -> None:
        try:
            self.printed += os.read(self.controller, 65_536).decode()
        except OSError:  # Linux says so once nobody has the other end open.
            asyncio.get_running_loop().remove_reader(self.controller)
        self.more.set()

    async def asked(self, text: str, answer: str) -> None:
        """Once it has printed this after what it printed before, type the answer."""
        while (at := self.printed.find(text, self.seen)) < 0:
            assert self.process.returncode is None, self.printed
            self.more.clear()
            try:
                async with asyncio.timeout(WITHIN_S):
                    await self.more.wait()
            except TimeoutError:
                raise AssertionError(f"it never said {text!r}: {self.printed}") from None
        self.seen = at + len(text)
        os.write(self.controller, f"{answer}\n".encode())

    async def end(self) -> tuple[int, str]:
        """Its exit status, and all that it has printed."""
        async with asyncio.timeout(WITHIN_S):
            status = await self.process.wait()
        self.take_in()
        return status, self.printed


@asynccontextmanager
async def typing(terminal: Terminal, *args: str, **more: str) -> AsyncIterator[Typing]:
    controller, end = pty.openpty()
    process = await terminal.start(*args, streams=end, **more)
    os.close(end)
    one = Typing(controller, process)
    asyncio.get_running_loop().add_reader(controller, one.take_in)
    try:
        yield one
    finally:
        asyncio.get_running_loop().remove_reader(controller)
        os.close(controller)
        if process.returncode is None:
            process.kill()
            await process.wait()
