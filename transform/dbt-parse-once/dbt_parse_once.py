"""Reads each of botocore's data files once in a process, not once in a session.

dbt-athena opens a session of AWS for each node, and each session parses the list of AWS's endpoints
and the models of its services anew: that was half the processor time of a build whose tables are
small. dbt imports every module whose name begins with `dbt_` as it starts
(https://github.com/dbt-labs/dbt-core/blob/main/core/dbt/plugins/manager.py), and to be imported is
all this one needs: the adapter stays as it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

_read = cache(JSONFileLoader().load_file)


class ParseOnce(JSONFileLoader):
    """A loader of files that gives all who ask for a file the same object.

    The clients of one session share it already, from all threads: it is not written to, but for
    the extras of a model, which change nothing when they are merged into it a second time.
    """

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - what JSON holds
        """The content of a file of botocore's data, None if there is none.

        Args:
            file_path: Its path, without `.json` or `.json.gz`.
        """
        return _read(file_path)


Loader.FILE_LOADER_CLASS = ParseOnce
