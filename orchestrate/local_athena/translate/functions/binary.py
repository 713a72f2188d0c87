"""Binary functions: https://trino.io/docs/current/functions/binary.html."""

from __future__ import annotations

from orchestrate.local_athena.translate.registry import define

define("to_hex(varbinary) -> varchar", "hex(_1)")
define("from_hex(varchar) -> varbinary", "unhex(_1)")
define("to_base64(varbinary) -> varchar", "to_base64(_1)")
define("from_base64(varchar) -> varbinary", "from_base64(_1)")
define("to_base64url(varbinary) -> varchar", "translate(to_base64(_1), '+/', '-_')")
define("from_base64url(varchar) -> varbinary", "from_base64(translate(_1, '-_', '+/'))")
define("from_utf8(varbinary) -> varchar", "decode(_1)")
# Trino's give bytes, DuckDB's their hexadecimal text.
for _name in ("md5", "sha1", "sha256"):
    define(f"{_name}(varbinary) -> varbinary", f"unhex({_name}(_1))")
