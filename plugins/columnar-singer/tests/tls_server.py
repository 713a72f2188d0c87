"""A PostgreSQL server with TLS, and the certificates for it.

The one of the local stack's wheel is built without TLS, so this is the system's own.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestrate.local_stack.processes import as_ordinary_user, clean_environment

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
ssl = on
ssl_ca_file = 'authority.crt'
fsync = off
lc_messages = 'C'
"""

_HOST_BASED_AUTHENTICATION = """
host    all postgres  127.0.0.1/32 trust
hostssl all certified 127.0.0.1/32 cert
hostssl all encrypted 127.0.0.1/32 scram-sha-256
host    all tester    127.0.0.1/32 scram-sha-256
"""

PASSWORD = "tester's p4ssword"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


class Authority:
    """Signs certificates."""

    def __init__(self, name: str) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self.name, self.key, authority=True).certificate

    def issue(self, name: str, *, expired: bool = False) -> Pair:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._sign(subject, ec.generate_private_key(ec.SECP256R1()), expired=expired)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        authority: bool = False,
        expired: bool = False,
    ) -> Pair:
        name = subject.rfc4514_string().removeprefix("CN=")
        until = datetime.now(UTC) + timedelta(days=-1 if expired else 30)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - timedelta(days=60))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Pair(
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
        )


class TlsServer:
    """A running server, whose certificate for `localhost` the authority signed."""

    def __init__(self, directory: Path, port: int) -> None:
        if not PROGRAMS:
            pytest.fail("the tests need PostgreSQL with TLS: run tests/setup/postgresql")
        self.port = port
        self.directory = directory
        self.data = directory / "data"
        self.authority = Authority("the authority")
        self._run(
            "initdb", "--auth=reject", "--username=postgres", "--encoding=UTF8", "--locale=C",
            "--no-sync",
        )  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION.format(port=port))
        (self.data / "pg_hba.conf").write_text(_HOST_BASED_AUTHENTICATION)
        (self.data / "authority.crt").write_text(self.authority.certificate)
        self._write_pair(self.authority.issue("localhost"))
        self.start()
        with self.superuser() as connection:
            for role in ("tester", "encrypted", "certified"):
                connection.execute(f"create role {role} login")
            password = PASSWORD.replace("'", "''")
            connection.execute(f"alter role tester password '{password}'")
            connection.execute(f"alter role encrypted password '{password}'")

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.directory / 'log'}")

    def stop(self, mode: str = "fast", *, wait: bool = True) -> None:
        self._run("pg_ctl", "stop", f"--mode={mode}", "--silent", "--wait" if wait else "--no-wait")

    def superuser(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True
        )

    def use(self, pair: Pair) -> None:
        """Show another certificate from now on."""
        self._write_pair(pair)
        self.configure("ssl", "on")

    def configure(self, setting: str, value: str) -> None:
        with self.superuser() as connection:
            connection.execute(f"alter system set {setting} = {value}")
            before = self._loaded_at()
            connection.execute("select pg_reload_conf()")
        while self._loaded_at() == before:
            time.sleep(0.02)

    def _loaded_at(self) -> object:
        with self.superuser() as connection:
            return connection.execute("select pg_conf_load_time()").fetchone()

    def _write_pair(self, pair: Pair) -> None:
        (self.data / "server.crt").write_text(pair.certificate)
        key = self.data / "server.key"
        key.touch(mode=0o600)
        key.write_text(pair.key)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            as_ordinary_user([str(PROGRAMS[-1] / program), *arguments, f"--pgdata={self.data}"]),
            env=clean_environment(self.directory),
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
