"""How dbt connects."""

from __future__ import annotations

from pathlib import Path

from transform.tests_python.project import Dbt


def test_tls_is_asked_for_where_the_variables_say_so(postgres_url: str, tmp_path: Path) -> None:
    refused = Dbt(postgres_url, tmp_path).run(
        "debug",
        "--connection",
        DATAENGINEERING_DB_SSL_MODE="verify-full",
        DATAENGINEERING_DB_CERTIFICATE_AUTHORITY="/nowhere/authority.pem",
    )
    assert refused.returncode != 0
    assert "sslmode: verify-full" in refused.stdout
    assert "sslrootcert: /nowhere/authority.pem" in refused.stdout
    assert "server does not support SSL" in refused.stdout
