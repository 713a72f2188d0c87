"""What every operation takes and gives: JSON objects, in the shapes that AWS documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Parameters = Mapping[str, Any]
Answer = dict[str, Any]
