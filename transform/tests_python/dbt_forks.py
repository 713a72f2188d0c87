"""dbt, its modules imported once: each command runs in a fork, as a process of its own.

Importing them takes longer than most commands. Run by dbt's own Python, with the path of a socket;
it ends when its standard input does. Whoever connects sends `{"arguments": …, "environment": …}` on
a line, and is answered with what the command says, a zero byte and its exit status.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path

import dbt.adapters.athena  # noqa: TID251
import dbt.adapters.postgres  # noqa: F401, TID251
from dbt.cli.main import cli  # noqa: TID251


def _serve(path: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while server in select.select([server, sys.stdin], [], [])[0]:
            asking, _ = server.accept()
            if not os.fork():
                _answer(asking)
            asking.close()
    Path(path).unlink()
    Path(path).parent.rmdir()


def _answer(asking: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with asking.makefile() as lines:
        asked = json.loads(lines.readline())
    process = os.fork()
    if not process:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((nothing, asking.fileno(), asking.fileno())):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(asked["environment"])
        cli(asked["arguments"], prog_name="dbt")
    _, status = os.waitpid(process, 0)
    asking.sendall(b"\0%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
