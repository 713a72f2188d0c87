"""What `make install` makes of the file of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrate import bootstrap

EXAMPLE = "# A comment with = in it\nHOST=127.0.0.1\n# CERTIFICATE=\n\nSALT=pepper\n"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_the_first_install_copies_the_example_for_its_owner_alone(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap.write_dotenv()
    assert (root / ".env").read_text() == EXAMPLE
    assert (root / ".env").stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out == ""


def test_a_file_of_an_older_version_stays_and_what_it_lacks_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / ".env").write_text("HOST=db.example.com\n#SALT=\n")
    bootstrap.write_dotenv()
    assert (root / ".env").read_text() == "HOST=db.example.com\n#SALT=\n"
    assert capsys.readouterr().out == "  .env lacks SALT: copy what .env.example says of it\n"
