"""String functions: https://trino.io/docs/current/functions/string.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.translate.macros import SPACES
from orchestrate.local_athena.translate.operators import concatenated
from orchestrate.local_athena.translate.registry import call, define, special
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import Term, duck, literal
from orchestrate.local_athena.translate.text_types import as_given, by_size
from orchestrate.local_athena.translate.types import VARCHAR, array, map_of

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder

define("length(varchar) -> bigint", "length(_1)")
define("length(char) -> bigint", "length(_1)")
define("length(varbinary) -> bigint", "octet_length(_1)")
define("lower(varchar) -> 1", "lower(_1)")
define("upper(varchar) -> 1", "upper(trino_one_to_one(_1))")
# DuckDB reverses what a reader sees as letters; Trino code points.
define("reverse(varchar) -> 1", "reverse(trino_plain(_1))")
define("reverse(array(T)) -> array(T)", "list_reverse(_1)")
define("strpos(varchar, varchar) -> bigint", "strpos(_1, _2)")
define("strpos(varchar, varchar, bigint) -> bigint", "trino_strpos(_1, _2, _3)")
define("split_to_map(varchar, varchar, varchar)",
       "CAST(map_from_entries(trino_split_entries(_1, _2, _3)) AS MAP(VARCHAR, VARCHAR))",
       returns=lambda args: map_of(VARCHAR, VARCHAR))  # fmt: skip
define("split_to_multimap(varchar, varchar, varchar)",
       "CAST(trino_multimap_of(trino_split_entries(_1, _2, _3)) AS MAP(VARCHAR, VARCHAR[]))",
       returns=lambda args: map_of(VARCHAR, array(VARCHAR)))  # fmt: skip
define("soundex(varchar) -> varchar(4)", "trino_soundex(trino_plain(_1))")
define("luhn_check(varchar) -> boolean", "trino_luhn(_1)")
define("starts_with(varchar, varchar) -> boolean", "starts_with(_1, _2)")
define("ends_with(varchar, varchar) -> boolean", "suffix(_1, _2)")
define("replace(varchar, varchar)", "trino_replace(_1, _2, '')", returns=as_given)
define("replace(varchar, varchar, varchar)", "trino_replace(_1, _2, _3)",
       returns=by_size(lambda x, z: x + z * (x + 1), 0, 2))  # fmt: skip
for _name in ("substr", "substring"):
    define(f"{_name}(varchar, bigint) -> 1", "trino_substring(_1, _2)")
    define(f"{_name}(varchar, bigint, bigint) -> 1", "trino_substring_of(_1, _2, _3)")
for _arity, _made in {
    "varchar, varchar": "trino_split(_1, _2)",
    "varchar, varchar, bigint": "trino_split_limit(_1, _2, _3)",
}.items():
    define(f"split({_arity})", _made, returns=lambda args: array(as_given(args)))
define("split_part(varchar, varchar, bigint)", "trino_split_part(_1, _2, _3)", returns=as_given)
for _name in ("lpad", "rpad"):
    define(
        f"{_name}(varchar, bigint, varchar) -> varchar",
        f"{_name}(_1, trino_pad_size(_2), trino_not_empty(_3, 'padding string'))",
    )
for _name in ("trim", "ltrim", "rtrim"):
    # DuckDB trims blanks alone, Trino all white space.
    define(
        f"{_name}(varchar) -> 1",
        lambda args, name=_name: duck(f"{name}(_1, _2)", args[0], literal(SPACES)),  # type: ignore[misc]
        returns="1",
    )
    define(f"{_name}(varchar, varchar) -> 1", f"{_name}(_1, _2)")
define("chr(bigint) -> varchar(1)", "chr(CAST(_1 AS INTEGER))")
define("codepoint(varchar) -> integer", "trino_codepoint(_1)")
define("translate(varchar, varchar, varchar) -> varchar", "translate(_1, _2, _3)")
define(
    "levenshtein_distance(varchar, varchar) -> bigint",
    "levenshtein(trino_plain(_1), trino_plain(_2))",
)
define("hamming_distance(varchar, varchar) -> bigint", "hamming(trino_plain(_1), trino_plain(_2))")
define("url_decode(varchar)", "trino_url_decode(_1)", returns=as_given)
# As HTML forms: a blank is `+`, `*` stays.
define(
    "url_encode(varchar)",
    "replace(replace(replace(url_encode(_1), '%20', '+'), '~', '%7E'), '%2A', '*')",
    returns=by_size(lambda x: x * 12, 0),
)
define("concat_ws(varchar, array(varchar)) -> varchar", "trino_join(_2, _1)")
define("to_utf8(varchar) -> varbinary", "encode(_1)")


@special("concat")
def _concat(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """A NULL makes the whole NULL, as with `||`; DuckDB's concat leaves it out."""
    terms = [binder.term(arg, scope) for arg in node.expressions]
    if len(terms) < 2:
        return call("concat", terms, place_of(node))
    made = terms[0]
    for term in terms[1:]:
        made = concatenated(made, term, place_of(node))
    return made


define("concat(varchar, varchar) -> varchar", "_1 || _2")


@special("concat_ws")
def _concat_ws(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """NULLs after the separator are passed over."""
    terms = [binder.term(arg, scope) for arg in node.expressions]
    if len(terms) == 2 and terms[1].type.name == "array":
        return call("concat_ws", terms, place_of(node))
    if len(terms) < 2 or not all(t.type.is_text or t.type.name == "unknown" for t in terms):
        return call("concat_ws", terms, place_of(node))
    made = exp.Anonymous(this="concat_ws", expressions=[t.node for t in terms])
    return Term(made, VARCHAR)


define("normalize(varchar) -> varchar", "nfc_normalize(_1)")
define("normalize(varchar, varchar) -> varchar", "trino_normalize(_1, _2)")
define("uuid() -> uuid", "uuid()")
