"""The proxy makes the faults it is asked for, and else changes nothing."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
import requests

from tests.faults.proxy import HttpProxy, TcpProxy
from tests.servers import serve_http


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers a PUT with the size of its body, a GET with its path."""

    protocol_version = "HTTP/1.1"
    puts: list[int]

    def __init__(self, *arguments, puts: list[int]) -> None:
        self.puts = puts
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(self.path.encode())

    def do_PUT(self) -> None:
        if self.headers["Transfer-Encoding"] == "chunked":
            size = 0
            while part := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(part))
                self.rfile.readline()
            self.rfile.readline()
        else:
            size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.puts.append(size)
        self._answer(str(size).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def puts() -> list[int]:
    return []


@pytest.fixture
def web(puts: list[int]) -> Iterator[HttpProxy]:
    with serve_http(partial(_Echo, puts=puts)) as port, HttpProxy(port) as proxy:
        yield proxy


def test_http_passes_unchanged(web):
    with requests.Session() as session:
        assert session.get(f"{web.url}/a?b=c").text == "/a?b=c"
        assert session.put(web.url, data=b"x" * 300_000).text == "300000"
        assert session.put(web.url, data=iter([b"x" * 70_000, b"y"])).text == "70001"
    assert [line.split()[0] for line in web.requests] == ["GET", "PUT", "PUT"]
    assert web.accepted == 1


def test_requests_fail_as_often_as_asked(web, puts):
    web.fail_next(2, status=503)
    web.fail_next(1, status=500, request=rb"^PUT ")
    with requests.Session() as session:
        found = [session.put(web.url, data=b"x" * 200_000).status_code for _ in range(4)]
        assert found == [503, 503, 500, 200]
        assert session.get(web.url).status_code == 200
    assert puts == [200_000]
    assert web.accepted == 1


def test_an_answer_is_lost_after_the_server_did_it(web, puts):
    web.lose_answer(rb"^PUT ")
    with pytest.raises(requests.ConnectionError):
        requests.put(web.url, data=b"xyz")
    assert puts == [3]
    assert requests.put(web.url, data=b"xyz").status_code == 200


def test_refused_and_taken_again_on_the_same_port(web):
    port = web.port
    web.refuse()
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(web.url)
    web.accept()
    assert requests.get(web.url).status_code == 200
    assert web.port == port


@pytest.fixture
def through(postgres_url: str) -> Iterator[tuple[TcpProxy, str]]:
    """A proxy before the session's PostgreSQL server, and a URL through it."""
    head, _, tail = postgres_url.rpartition(":")
    port, _, database = tail.partition("/")
    with TcpProxy(int(port)) as proxy:
        yield proxy, f"{head}:{proxy.port}/{database}"


def test_postgres_connections_are_cut(through):
    proxy, url = through
    with psycopg.connect(url) as connection:
        connection.execute("select 1")
        assert proxy.cut() == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    with psycopg.connect(url) as connection:
        connection.execute("select 1")


def test_postgres_commits_and_the_client_never_hears_of_it(through, postgres_url):
    proxy, url = through
    proxy.lose_answer(b"COMMIT")
    with pytest.raises(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute("create table t as select 1 as id")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select id from t").fetchall() == [(1,)]


def test_a_server_that_is_down_is_a_connection_that_breaks():
    with TcpProxy(1) as proxy, pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://u@{proxy.address}/d", connect_timeout=5)


def test_the_lake_is_written_and_read_through_proxies(lake, monkeypatch):
    """Signatures hold, whatever port the client believes in; a 503 is what the client sees."""
    # Else pyarrow's own retry sends a wrong checksum: https://github.com/aws/aws-sdk-cpp/issues/3903
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED")
    import pyarrow as pa
    from pyiceberg.catalog import load_catalog

    s3, catalog = (
        int(lake.catalog_properties[name].rpartition(":")[2]) for name in ("s3.endpoint", "uri")
    )
    rows = pa.table({"id": list(range(10_000))})
    with HttpProxy(s3) as s3_proxy, HttpProxy(catalog) as catalog_proxy:
        through = {"uri": catalog_proxy.url, "s3.endpoint": s3_proxy.url}
        proxied = load_catalog("lake", **lake.catalog_properties | through)
        proxied.create_namespace("through_proxies")
        s3_proxy.fail_next(1, request=rb"^PUT ")
        table = proxied.create_table("through_proxies.t", schema=rows.schema)
        table.append(rows)
        assert proxied.load_table("through_proxies.t").scan().to_arrow().num_rows == 10_000
        assert any(line.startswith("PUT") for line in s3_proxy.requests)
        assert any(line.startswith("POST") for line in catalog_proxy.requests)
