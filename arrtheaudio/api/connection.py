"""One TCP connection from accept to close; whatever happens in it stays in it.

Takes the place of Hypercorn's TCPServer, which (0.18, on Trio) lets an exception
end the daemon's nursery, blocks shutdown for a client that does not read, and
closes under clients that are still sending. The rules here:

* an exception ends this connection, is logged, and goes no further;
* every write has a deadline per piece; a write that was cut off ends the connection,
  because nothing can follow half a message;
* a head must arrive within HEAD_SECONDS, an idle connection lives KEEP_ALIVE_SECONDS;
* an answer before the request's end (404, 413) is followed by a lingering close:
  our side ends, what the client still sends is read and dropped, so that no reset
  destroys the answer on its way;
* a client that closes its sending side only still gets its answer;
* when reading ends, everything else of the connection is cancelled.

No function called from the app's side has a checkpoint between deciding to close
and having closed: Quart-Trio cancels the app's task at exactly that point.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
from typing import Any, Final

import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import parse_socket_addr

from arrtheaudio.api.protocol import GuardedH11, HeadRefused

log = structlog.get_logger("arrtheaudio.http")

HEAD_SECONDS: Final = 15.0  # from the first byte of a request to the end of its head
KEEP_ALIVE_SECONDS: Final = 60.0  # between two requests; .NET's and browsers' pools are shorter
WRITE_SECONDS: Final = 15.0  # for one piece; slower is no reader but a stall
WRITE_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 64 * 1024 * 1024
READ_BYTES: Final = 64 * 1024


class Connection:
    """A client's connection: its reader, its writes, its end."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        stream: trio.SocketStream,
    ) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._stream = stream
        self._scope = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._sending = trio.Lock()
        self._answered = trio.Event()
        self._deadline = trio.current_time() + HEAD_SECONDS
        self._head_begun = False
        self._lingering = False
        self._protocol: GuardedH11

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self._deadline < math.inf

    @property
    def silent(self) -> bool:
        """Whether it is idle and its client has sent nothing that is still unread."""
        if not self.idle:
            return False
        poll = select.poll()
        poll.register(self._stream.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def drop(self) -> None:
        """End the connection now, whatever it does."""
        self._scope.cancel()

    async def run(self) -> None:
        """Serve until either side ends it. Raises nothing but Cancelled."""
        try:
            with self._scope:
                await self._serve()
        except* OSError:
            pass  # the peer is gone: getpeername and shutdown say so
        except* Exception as group:
            log.warning("connection dropped", exc_info=group)
        finally:
            await trio.aclose_forcefully(self._stream)

    async def _serve(self) -> None:
        sock = self._stream.socket
        client = parse_socket_addr(sock.family, sock.getpeername())
        server = parse_socket_addr(sock.family, sock.getsockname())
        async with TaskGroup() as tasks:
            self._protocol = GuardedH11(
                self._app,
                self._config,
                self._context,
                tasks,
                ConnectionState({}),
                False,
                client,
                server,
                self._send,
            )
            await self._read()
            self._scope.cancel()

    # --- reading ------------------------------------------------------------

    async def _read(self) -> None:
        dropped = 0
        while True:
            with trio.CancelScope(deadline=self._deadline) as self._reading:
                data = await self._receive()
            if self._reading.cancelled_caught:
                if self._lingering or not self._head_begun:
                    return
                await self._protocol.refuse(408)
            elif self._lingering:
                dropped += len(data)
                if not data or dropped > LINGER_BYTES:
                    return
            elif not data:
                await self._half_closed()
                return
            else:
                await self._take(data)

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.drop()
            return b""

    async def _take(self, data: bytes) -> None:
        if self.idle and not self._head_begun:
            self._head_begun = True
            self._deadline = trio.current_time() + HEAD_SECONDS
        with contextlib.suppress(HeadRefused):  # answered; the loop lingers
            await self._protocol.handle(RawData(data))

    async def _half_closed(self) -> None:
        # The client has sent all it has. A finished request gets its answer; half
        # a one is answered 400 by h11, and a websocket or an idle connection is over.
        if self.idle or self._protocol.is_websocket:
            return
        await self._protocol.handle(RawData(b""))
        if not self._lingering:
            await self._answered.wait()

    # --- what the protocol wants --------------------------------------------

    async def _send(self, event: Event) -> None:
        match event:
            case RawData():
                await self._write(event.data)
            case Updated(idle=True):
                self._set_deadline(trio.current_time() + KEEP_ALIVE_SECONDS)
                self._answered.set()
            case Updated(idle=False):
                self._head_begun = False
                self._answered = trio.Event()
                self._set_deadline(math.inf)
            case Closed():
                self._linger()

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        self._reading.deadline = deadline

    def _linger(self) -> None:
        if self._lingering:
            return
        self._lingering = True
        self._answered.set()
        self._stream.socket.shutdown(socket.SHUT_WR)
        self._set_deadline(trio.current_time() + LINGER_SECONDS)

    async def _write(self, data: bytes) -> None:
        if self._lingering:
            return
        whole = False
        try:
            async with self._sending:
                view: Any = memoryview(data)
                for start in range(0, len(view), WRITE_BYTES):
                    with trio.fail_after(WRITE_SECONDS):
                        await self._stream.send_all(view[start : start + WRITE_BYTES])
            whole = True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer is gone
        except trio.TooSlowError:
            log.info("connection dropped: the client does not read")
        finally:
            if not whole:
                self.drop()
