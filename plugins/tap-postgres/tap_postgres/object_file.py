"""An object file that is made once and kept."""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DIGEST_BYTES = hashlib.sha256().digest_size

logger = logging.getLogger(__name__)


def directories() -> list[Path]:
    """Give the directories that may hold it, the one to be preferred first."""
    set_by_user = os.environ.get("NUMBA_CACHE_DIR")
    found = [Path(set_by_user)] if set_by_user else []
    found.append(Path(__file__).with_name("__pycache__"))
    # Where there is no home directory, there is none to keep it in.
    with suppress(RuntimeError):
        found.append(
            Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tap-postgres"
        )
    return found


def kept_or_made(name: str, make: Callable[[], bytes], places: Sequence[Path]) -> bytes:
    """Give the content of a file, made if it is not there or damaged.

    Args:
        name: Of the file; another for another content.
        make: Makes the content.
        places: Directories to look into, and to write to the first that takes it.
    """
    for place in places:
        with suppress(OSError):
            digest, content = _divided((place / name).read_bytes())
            if hashlib.sha256(content).digest() == digest:
                return content
    content = make()
    if not any(_keep(place / name, content) for place in places):
        logger.warning(
            "The machine code of the decoder cannot be kept and is compiled in each run; set "
            "NUMBA_CACHE_DIR to a directory that can be written to"
        )
    return content


def _divided(kept: bytes) -> tuple[bytes, bytes]:
    return kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]


def _keep(path: Path, content: bytes) -> bool:
    """Write a file that is there whole or not at all, whoever else writes it."""
    part = path.with_name(f"{path.stem}-{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(content).digest() + content)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        return False
    return True
