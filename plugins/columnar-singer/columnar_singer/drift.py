"""How a destination's table follows a stream whose columns change. Pure: no table is touched here.

A stream's column belongs to a family of the table's columns, `price`, `price__v2`, `price__v3`, …:
the newest of them is the one that is written. An older one stays as it is, NULL from then on.
"""

from __future__ import annotations

ALLOW = "allow"
ADD_COLUMNS = "add_columns"
BLOCK = "block"
MODES = (ALLOW, ADD_COLUMNS, BLOCK)
"""Values of the setting `schema_drift`, the most liberal first."""
