"""A proxy on the loopback address that breaks what passes through it, when a test says so.

It stands between a program under test and a real server, so that passing faults can be made that
a server makes only by chance: refused and reset connections, answers that are lost after the
server did what it was asked, delays, and (HTTP) statuses such as 503.

    with TcpProxy(postgres_port) as proxy:    # any protocol without TLS
        ...connect to 127.0.0.1:proxy.port...
        proxy.cut()                           # connections reset by peer
        proxy.lose_answer(rb"COMMIT\b")        # committed, but the client never hears of it
        proxy.refuse()                        # as if the server were down ...
        proxy.accept()                        # ... and up again

    with HttpProxy(s3_port) as proxy:
        proxy.fail_next(3, status=503)        # the next three requests
        proxy.fail_next(2, request=rb"PUT ")  # the next two that match

What is asked for while something runs takes effect with the next bytes that pass.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO, Self

from orchestrate.local_stack.settings import LOOPBACK

_CHUNK_BYTES = 64 * 1024
_END_TIMEOUT_SECONDS = 5.0
# l_onoff = 1, l_linger = 0: close() sends RST and not FIN (socket(7), SO_LINGER).
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class _Rule:
    """What happens to the next `left` messages of the client that `pattern` finds itself in."""

    pattern: re.Pattern[bytes]
    left: int
    status: int | None = None  # None: forward it, and lose the answer


@dataclass
class _Rules:
    """The faults still to be made, in the order they were asked for."""

    pending: list[_Rule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, pattern: bytes, times: int, status: int | None = None) -> None:
        with self.lock:
            self.pending.append(_Rule(re.compile(pattern), times, status))

    def take(self, message: bytes) -> _Rule | None:
        """The rule that the message falls under; it counts as used once."""
        with self.lock:
            for rule in self.pending:
                if rule.pattern.search(message):
                    rule.left -= 1
                    if rule.left <= 0:
                        self.pending.remove(rule)
                    return rule
        return None


class _Connection:
    """One connection of a client, and the one made for it to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.loses_answer = False
        self.is_cut = False
        self.threads: list[threading.Thread] = []

    def run(self, upstream: Callable[[_Connection], None], name: str) -> None:
        """Forward both ways until both sides have ended, then close."""

        pumps = [
            threading.Thread(target=self._guard, args=[work], name=name, daemon=True)
            for work in (upstream, _Connection._forward_answers)
        ]
        closer = threading.Thread(target=self._close_after, args=[pumps], name=name, daemon=True)
        self.threads = [*pumps, closer]
        for thread in self.threads:
            thread.start()

    def cut(self) -> None:
        """Reset both sides; the threads see the end of their input and close."""
        self.is_cut = True
        for each in (self.client, self.server):
            with suppress(OSError):  # it has ended by itself
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                # Wakes a thread that waits for input, and sends nothing.
                each.shutdown(socket.SHUT_RD)

    def wait_until_closed(self) -> None:
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(_END_TIMEOUT_SECONDS)

    def _forward_answers(self) -> None:
        while data := self.server.recv(_CHUNK_BYTES):
            if self.loses_answer:
                self.cut()
                return
            self.client.sendall(data)
        self.end_output(self.client)

    def end_output(self, receiver: socket.socket) -> None:
        """Tell the other side that no more comes from here, unless the connection is cut."""
        if not self.is_cut:
            receiver.shutdown(socket.SHUT_WR)

    def _guard(self, work: Callable[[_Connection], None]) -> None:
        try:
            work(self)
        except (OSError, ValueError):  # one side broke off: so does the other
            self.cut()

    def _close_after(self, pumps: list[threading.Thread]) -> None:
        for thread in pumps:
            thread.join()
        self.client.close()
        self.server.close()


class TcpProxy:
    """Forwards connections to a server on the loopback address; see the module."""

    def __init__(self, server_port: int) -> None:
        """Prepare; a `with` block starts it, on a free port."""
        self._server_port = server_port
        self._rules = _Rules()
        self._delay_seconds = 0.0
        self._connections: list[_Connection] = []
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self.port = 0
        self.accepted = 0
        """How many connections were made so far."""

    def __enter__(self) -> Self:
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    @property
    def address(self) -> str:
        """`host:port` of the proxy."""
        return f"{LOOPBACK}:{self.port}"

    # The faults

    def cut(self) -> int:
        """Reset all open connections; return how many there were."""
        open_now = [each for each in self._connections if each.threads[-1].is_alive()]
        for connection in open_now:
            connection.cut()
        for connection in open_now:
            connection.wait_until_closed()
        self._connections = []
        return len(open_now)

    def refuse(self) -> None:
        """Refuse new connections and cut the open ones, as if the server were down."""
        if self._listener is not None and self._acceptor is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self._acceptor.join(_END_TIMEOUT_SECONDS)
            self._listener = None
        self.cut()

    def accept(self) -> None:
        """Take connections (again), on the port that the proxy had before."""
        if self._listener is not None:
            return
        self._listener = socket.create_server((LOOPBACK, self.port))
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(
            target=self._accept_connections, args=[self._listener], daemon=True
        )
        self._acceptor.start()

    def delay(self, seconds: float) -> None:
        """Hold back what clients send, each part for so long; 0 ends it."""
        self._delay_seconds = seconds

    def lose_answer(self, message: bytes, times: int = 1) -> None:
        """Forward what a client sends, await the server's answer, and cut instead of giving it.

        Args:
            message: Regular expression found in what the client sends at once (HTTP: in the
                request's head), `COMMIT` say.
            times: For the next so many.
        """
        self._rules.add(message, times)

    # How it works

    def _accept_connections(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # refuse() closed it
                return
            try:
                server = socket.create_connection((LOOPBACK, self._server_port))
            except OSError:  # the server is down: the client finds its connection reset
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(client, server)
            connection.run(self._forward_requests, f"proxy {self.port}")
            self.accepted += 1
            self._connections.append(connection)

    def _forward_requests(self, connection: _Connection) -> None:
        while data := connection.client.recv(_CHUNK_BYTES):
            connection.loses_answer = self._rules.take(data) is not None
            self._hold_back()
            connection.server.sendall(data)
        connection.end_output(connection.server)

    def _hold_back(self) -> None:
        if self._delay_seconds:
            time.sleep(self._delay_seconds)


class HttpProxy(TcpProxy):
    """A TcpProxy that knows where an HTTP/1.1 request begins and ends."""

    def __init__(self, server_port: int) -> None:
        """See TcpProxy."""
        super().__init__(server_port)
        self.requests: list[str] = []
        """The request lines so far, `PUT /bucket/key HTTP/1.1`, those answered with a fault too."""
        self._reset_pattern: re.Pattern[bytes] | None = None
        self._times_asked: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Base URL of the proxy."""
        return f"http://{self.address}"

    def fail_next(self, times: int, status: int = 503, request: bytes = b"") -> None:
        """Answer the next requests with a status, without the server hearing of them.

        Args:
            times: How many requests.
            status: HTTP status.
            request: Regular expression found in the head of those meant, `PUT ` say; all if empty.
        """
        self._rules.add(request, times, status)

    def reset_every_other(self, request: bytes) -> None:
        """Reset the connection at the first, third, … of equal requests, which the server misses.

        Whoever asks again after a reset meets it in all he asks.

        Args:
            request: Regular expression found in the head of those meant.
        """
        self._reset_pattern = re.compile(request)

    def _is_reset(self, line: str, head: bytes) -> bool:
        if self._reset_pattern is None or not self._reset_pattern.search(head):
            return False
        self._times_asked[line] += 1
        return self._times_asked[line] % 2 == 1

    def _forward_requests(self, connection: _Connection) -> None:
        with connection.client.makefile("rb") as client:
            while head := _read_head(client):
                line = head.partition(b"\r\n")[0].decode("latin-1")
                self.requests.append(line)
                if self._is_reset(line, head):
                    connection.cut()
                    return
                rule = self._rules.take(head)
                self._hold_back()
                if rule is not None and rule.status is not None:
                    # A client that expects 100 Continue sends no body after another answer.
                    if b"100-continue" not in head.lower():
                        _pass_body(client, head, lambda _: None)
                    connection.client.sendall(_answer(rule.status))
                else:
                    connection.loses_answer = rule is not None
                    connection.server.sendall(head)
                    _pass_body(client, head, connection.server.sendall)
        connection.end_output(connection.server)


def _read_head(client: BinaryIO) -> bytes:
    """Request line and headers with the empty line after them; empty at the end of input."""
    lines = []
    while line := client.readline():
        lines.append(line)
        if line == b"\r\n" and len(lines) > 1:
            return b"".join(lines)
    return b""


def _pass_body(client: BinaryIO, head: bytes, give: Callable[[bytes], object]) -> None:
    """Read a request's body and give it on as it comes (RFC 9112, section 6)."""
    if length := re.search(rb"^content-length:\s*(\d+)", head, re.IGNORECASE | re.MULTILINE):
        _pass_bytes(client, int(length[1]), give)
    elif re.search(rb"^transfer-encoding:.*chunked", head, re.IGNORECASE | re.MULTILINE):
        size = 1
        while size:
            line = client.readline()
            give(line)
            size = int(line.partition(b";")[0], 16)
            _pass_bytes(client, size, give)
            give(client.readline())


def _pass_bytes(client: BinaryIO, count: int, give: Callable[[bytes], object]) -> None:
    while count:
        data = client.read(min(count, _CHUNK_BYTES))
        if not data:
            raise ConnectionAbortedError
        count -= len(data)
        give(data)


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_S3_CODES = {
    int(HTTPStatus.SERVICE_UNAVAILABLE): "SlowDown",
    int(HTTPStatus.FORBIDDEN): "AccessDenied",
}


def _answer(status: int) -> bytes:
    """An answer that S3 and REST clients understand, if only by its status."""
    reason = HTTPStatus(status).phrase
    code = _S3_CODES.get(status, "InternalError")
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{reason}</Message></Error>"
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
