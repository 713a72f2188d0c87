"""Window functions: https://trino.io/docs/current/functions/window.html."""

from __future__ import annotations

from orchestrate.local_athena.translate.registry import define

for _name in ("row_number", "rank", "dense_rank"):
    define(f"{_name}() -> bigint", f"agg_{_name}()")
for _name in ("percent_rank", "cume_dist"):
    define(f"{_name}() -> double", f"agg_{_name}()")
define("ntile(bigint) -> bigint", "agg_ntile(_1)")
define("first_value(T) -> T", "agg_first_value(_1)")
define("last_value(T) -> T", "agg_last_value(_1)")
define("nth_value(T, bigint) -> T", "agg_nth_value(_1, trino_nth(_2))")
for _name in ("lag", "lead"):
    define(f"{_name}(T) -> T", f"agg_{_name}(_1)")
    define(f"{_name}(T, bigint) -> T", f"agg_{_name}(_1, trino_offset(_2))")
    define(f"{_name}(T, bigint, T) -> T", f"agg_{_name}(_1, trino_offset(_2), _3)")
