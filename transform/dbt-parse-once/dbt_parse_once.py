"""Reads each of botocore's data files once in a process, not once in a session.

dbt-athena opens a session of AWS for each node, and each session parses the list of AWS's endpoints
and the models of its services anew: that was half the processor time of a build whose tables are
small. dbt imports every module whose name begins with `dbt_` as it starts
(https://github.com/dbt-labs/dbt-core/blob/main/core/dbt/plugins/manager.py), and to be imported is
all this one needs: the adapter stays as it is.

What sessions share here, the clients of one session share anyway, from all threads: it is read.
"""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore.loaders import create_loader

botocore.session.create_loader = cache(create_loader)
