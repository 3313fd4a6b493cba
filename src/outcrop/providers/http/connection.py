"""One connection to a server: one request at a time, written and answered before a deadline."""

from __future__ import annotations

import asyncio

from outcrop.providers.http.answer import (
    Answer,
    Reading,
    TruncatedAnswer,
    WireFault,
    read_answer,
)

# A larger request is written in pieces, so that the event loop can breathe.
PIECE_BYTES_MAX = 512 * 1024


class ConnectionLost(WireFault):
    """The connection broke before an answer began; `is_sent`: the server may have it all."""

    def __init__(self, what: str, *, is_sent: bool) -> None:
        super().__init__(what)
        self.is_sent = is_sent


class TooLate(WireFault):
    """The deadline passed; `is_sent` as above."""

    def __init__(self, *, is_sent: bool) -> None:
        super().__init__("the deadline has passed")
        self.is_sent = is_sent


class Connection(asyncio.Protocol):
    """A connection of one event loop.

    It has one timer, which is not set anew with each request: when it goes off before the deadline
    of the request that is then under way, it sets itself again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lost: asyncio.Future[None] = loop.create_future()
        self.idle_since_s = 0.0
        self._loop = loop
        self._reading: Reading[Answer] | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._has_begun = False
        self._is_written = False
        self._drained: asyncio.Future[None] | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_usable(self) -> bool:
        """Whether a request can be written."""
        return self._answer is None and not self.transport.is_closing()

    async def exchange(
        self, request: bytes, deadline_s: float, body_bytes_max: int, *, is_tunnel: bool = False
    ) -> Answer:
        """Send a request and return its answer; afterwards `is_usable` says whether to keep it.

        Raises a WireFault. However this ends, a connection that is in the middle of something is
        closed.
        """
        self._reading = read_answer(body_bytes_max, is_tunnel=is_tunnel)
        next(self._reading)
        self._has_begun = False
        self._answer = self._loop.create_future()
        self._deadline_s = deadline_s
        if self._timer is None or self._timer.when() > deadline_s:
            self._set_timer()
        try:
            if len(request) <= PIECE_BYTES_MAX:
                self.transport.write(request)
                self._is_written = not self.transport.is_closing()
            else:
                await self._write_in_pieces(request)
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._reading = self._answer = None
        if not answer.keeps_alive or not self._is_sent:
            self.close()
        return answer

    def close(self) -> None:
        """Close at once; `lost` is done when that has happened."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on with a transport that is secure now."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # With this `pause_writing` is called as soon as anything is left to be written.
        transport.set_write_buffer_limits(high=1)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._has_begun = True
        self._read(data)

    def eof_received(self) -> None:
        """The server sends no more, which ends a body without a length."""
        self._read(b"")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed, by whomever."""
        if error is None:
            self._read(b"")
        self._fail(self._loss(error))
        self.resume_writing()
        self.close()
        self.lost.set_result(None)

    def pause_writing(self) -> None:
        """Not all could be written."""
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """All is written."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    @property
    def _is_sent(self) -> bool:
        return self._is_written and self._drained is None

    async def _write_in_pieces(self, request: bytes) -> None:
        assert self._answer is not None
        self._is_written = False
        for begin in range(0, len(request), PIECE_BYTES_MAX):
            self.transport.write(request[begin : begin + PIECE_BYTES_MAX])
            await (self._drained or asyncio.sleep(0))
            if self._answer.done():  # it was refused before it was read, or all is over
                return
        self._is_written = True

    def _read(self, data: bytes) -> None:
        if self._reading is None or self._answer is None or self._answer.done():
            self.transport.abort()  # nobody has asked
            return
        try:
            self._reading.send(data)
        except StopIteration as read:
            self._answer.set_result(read.value)
        except TruncatedAnswer:
            self._fail(self._loss(None))
        except WireFault as error:
            self._fail(error)

    def _loss(self, cause: Exception | None) -> WireFault:
        what = f"{type(cause).__name__}: {cause}" if cause else "it was closed"
        if self._has_begun:
            return TruncatedAnswer(what)
        return ConnectionLost(what, is_sent=self._is_sent)

    def _fail(self, error: WireFault) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline_s, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if self._answer is None:
            return
        if self._loop.time() < self._deadline_s:
            self._set_timer()
            return
        self._fail(TooLate(is_sent=self._is_sent))
        self.resume_writing()
