"""Opens one session of AWS in a process, and one client a service, not one of each a node.

dbt-athena opens a session and its clients for each node anew. To make them takes botocore longer
than a node of small tables takes itself: it was more than half of dbt's processor time in a build.
On AWS each session asks for its credentials, too, and each client opens connections of its own.

dbt imports every module whose name begins with `dbt_` as it starts
(https://github.com/dbt-labs/dbt-core/blob/main/core/dbt/plugins/manager.py), and to be imported is
all this one needs: the adapter stays as it is. Threads may share a client, and a session as long as
one of them at a time makes clients of it
(https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar

import boto3.session

_Arguments = ParamSpec("_Arguments")
_Made = TypeVar("_Made")


def once(make: Callable[_Arguments, _Made]) -> Callable[_Arguments, _Made]:
    """`make`, called once for the same arguments (hashable), by one thread at a time."""
    made, lock = cache(make), RLock()

    @wraps(make)
    def get(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Made:
        with lock:
            return made(*args, **kwargs)  # type: ignore[arg-type]  # hashable, as it says

    return get


boto3.session.Session.client = once(boto3.session.Session.client)  # for each session, that is
boto3.session.Session = once(boto3.session.Session)
