"""Functions that take addresses apart: https://trino.io/docs/current/functions/url.html.

Trino reads them with Java's `URI`. Addresses of the plain form are answered; those with anything
that Java decodes, refuses or reads by rules of its own are refused.
"""

from __future__ import annotations

from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.text_types import as_given

_HOST = r"(?:(?:[A-Za-z0-9][A-Za-z0-9-]*\.)*[A-Za-z][A-Za-z0-9-]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3})"
_LETTERS = r"[A-Za-z0-9._~!$&''()*,;=:@/-]"
_PLAIN = (
    rf"([A-Za-z][A-Za-z0-9+.-]*)://({_HOST})(?::([0-9]{{1,5}}))?((?:/{_LETTERS}*)?)"
    rf"(?:[?]((?:{_LETTERS}|[?])*))?(?:#((?:{_LETTERS}|[?])*))?"
)


def _checked(made: str) -> str:
    return (
        f"CASE WHEN trino_check(NOT regexp_full_match(_1, '{_PLAIN}') "
        "OR regexp_matches(_1, '-([.:/?#]|$)'), 'NOT_SUPPORTED: this address: the local Athena "
        f"cannot take it apart as Athena does') THEN {made} END"
    )


def _part(group: int) -> str:
    return f"regexp_extract(_1, '^{_PLAIN}$', {group})"


for _name, _group in {"protocol": 1, "host": 2, "path": 4, "query": 5, "fragment": 6}.items():
    define(f"url_extract_{_name}(varchar)", _checked(_part(_group)), returns=as_given)
define(
    "url_extract_port(varchar) -> bigint",
    _checked(f"CAST(nullif({_part(3)}, '') AS BIGINT)"),
)
define(
    "url_extract_parameter(varchar, varchar)",
    _checked(
        f"list_transform(list_filter(string_split({_part(5)}, '&'), lambda trino_p: "
        "split_part(trino_p, '=', 1) = _2), lambda trino_p: "
        "regexp_replace(trino_p, '^[^=]*=?', ''))[1]"
    ),
    returns=as_given,
)
