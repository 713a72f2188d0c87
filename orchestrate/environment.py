"""The variables a run works with: the shell's, and below them those of `.env`."""

from __future__ import annotations

from pathlib import Path

from dotenv import load_dotenv

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def load() -> None:
    """Add the variables of `.env` to the process's environment; the shell's go before them.

    Meltano does the same with the same file, so a job started by hand and one started by the run
    driver see the same values.
    """
    load_dotenv(PROJECT_ROOT / ".env")
