"""The local stack: trackman-backend, dataengineering-db and trackman-lake on this machine.

``python -m orchestrate.local_stack up|down|status``; see README.md beside this file.
"""

from __future__ import annotations

from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import LakeSettings, PostgresSettings, StackSettings

__all__ = ["LakeSettings", "PostgresSettings", "StackError", "StackSettings"]
