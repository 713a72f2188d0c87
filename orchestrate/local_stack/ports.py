"""Whether the ports a part needs are free, and who holds them if not."""

from __future__ import annotations

import errno
import socket

import psutil

from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import LOOPBACK, Port


def refuse_taken(part: str, port: Port) -> None:
    """Raise StackError, naming part, port and variable, if `port` cannot be listened on."""
    # SeaweedFS also demands that the port be free on every other address of the machine.
    for address in (LOOPBACK, ""):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: connections of an earlier server that linger in TIME_WAIT don't count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port.number))
            except PermissionError:
                raise StackError(
                    f"port {port.number} of {part} needs more rights than this user has: "
                    f"set {port.variable} to a port above 1023"
                ) from None
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise StackError(
                    f"port {port.number} of {part} is taken by {_holder(port.number)}: "
                    f"stop that program or set {port.variable} to a free port"
                ) from None


def _holder(number: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == number
                and connection.pid is not None
            ):
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:  # macOS shows other programs' sockets to root only
        pass
    return "another program"
