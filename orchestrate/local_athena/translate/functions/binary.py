"""Binary functions: https://trino.io/docs/current/functions/binary.html."""

from __future__ import annotations

from orchestrate.local_athena.translate.registry import define

define("to_hex(varbinary) -> varchar", "hex(_1)")
define("from_hex(varchar) -> varbinary", "trino_from_hex(_1)")
define("to_base32(varbinary) -> varchar", "trino_to_base32(_1)")
define("from_base32(varchar) -> varbinary", "trino_from_base32(_1)")
define("crc32(varbinary) -> bigint", "trino_crc32(_1)")
for _name in ("sha512", "xxhash64"):
    define(f"{_name}(varbinary) -> varbinary", f"trino_{_name}(_1)")
for _name in ("md5", "sha1", "sha256", "sha512"):
    define(f"hmac_{_name}(varbinary, varbinary) -> varbinary", f"trino_hmac_{_name}(_1, _2)")
define("to_big_endian_64(bigint) -> varbinary", "trino_big_endian(_1, 16, 18446744073709551616)")
define("to_big_endian_32(integer) -> varbinary", "trino_big_endian(_1, 8, 4294967296)")
define("concat(varbinary, varbinary) -> varbinary", "_1 || _2")
define("to_base64(varbinary) -> varchar", "to_base64(_1)")
define("from_base64(varchar) -> varbinary", "trino_from_base64(_1)")
define("to_base64url(varbinary) -> varchar", "translate(to_base64(_1), '+/', '-_')")
define("from_base64url(varchar) -> varbinary", "trino_from_base64(translate(_1, '-_', '+/'))")
define("from_utf8(varbinary) -> varchar", "trino_from_utf8(_1)")
# Trino's give bytes, DuckDB's their hexadecimal text.
for _name in ("md5", "sha1", "sha256"):
    define(f"{_name}(varbinary) -> varbinary", f"unhex({_name}(_1))")
