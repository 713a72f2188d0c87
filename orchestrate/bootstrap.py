"""Builds the project's environments from the lock files: the first thing `make` runs.

Needs nothing but a Python: the standard library only, and syntax that an old Python still parses,
so that it can say what is missing instead of failing on itself.

    python3 orchestrate/bootstrap.py run    # .venv: Meltano, the local stack, and the plugins
    python3 orchestrate/bootstrap.py dev    # .venv-dev: what tests and linters need
    python3 orchestrate/bootstrap.py bench  # .venv-bench*: what the plugins are measured against

Each environment carries a stamp, the digest of the files it was built from; a second call with
the same files returns at once.
"""

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Set, Tuple

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "plugins" / "requirements"
OLDEST_PYTHON = (3, 11)
STAMP = "built-from.sha256"


class SetUpError(Exception):
    """The environment cannot be built; the text is the one line to show."""


def check_python(version: "Tuple[int, ...]") -> None:
    """Refuse an interpreter older than the oldest supported one.

    Args:
        version: `sys.version_info` or its first fields.

    Raises:
        SetUpError: naming the version found and how to choose another interpreter.
    """
    if tuple(version[:2]) < OLDEST_PYTHON:
        raise SetUpError(
            "Python %d.%d is too old: this project needs %d.%d or newer; "
            "install one and name it, as in `make run PYTHON=python3.12`"
            % (version[0], version[1], OLDEST_PYTHON[0], OLDEST_PYTHON[1])
        )


def digest(files: List[Path]) -> str:
    """Digest of the contents of `files` and of the interpreter's version, as hex."""
    total = hashlib.sha256(repr(tuple(sys.version_info[:3])).encode())
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()


def run_step(what: str, command: List[str]) -> None:
    """Run one command quietly, with a line before and after.

    Args:
        what: Words for the progress line.
        command: Program and arguments.

    Raises:
        SetUpError: the command failed; carries the last lines it printed.
    """
    started = time.monotonic()
    result = subprocess.run(
        command,
        cwd=str(ROOT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    if result.returncode != 0:
        tail = "\n".join(result.stdout.strip().splitlines()[-15:])
        raise SetUpError(f"{what} failed (status {result.returncode}):\n{tail}")
    print(f"  {what:<44} {time.monotonic() - started:5.1f} s", flush=True)


def build_environment(venv: Path, lock: Path, extra: List[Tuple[str, List[str]]]) -> bool:
    """Build `venv` from `lock` unless its stamp says it was.

    Args:
        venv: Folder of the environment.
        lock: Requirements with hashes.
        extra: `(what, arguments of uv)` pairs to run after the lock is installed; their files
            count for the stamp through `lock`'s folder.

    Returns:
        Whether anything was built.

    Raises:
        SetUpError: see `run_step`.
    """
    wanted = digest([LOCKS / "uv.txt", LOCKS / "build.txt", lock, *package_files()])
    stamp = venv / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    python = venv / "bin" / "python"
    run_step(f"create {venv.name}", [sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_step("install uv", [*pip, "--require-hashes", "-r", str(LOCKS / "uv.txt")])
    uv = [str(venv / "bin" / "uv"), "pip"]
    into = ["--quiet", "--python", str(python)]
    run_step(f"install {lock.name}", [*uv, "sync", *into, "--require-hashes", str(lock)])
    for what, arguments in extra:
        run_step(what, [*uv, "install", *into, *arguments])
    stamp.write_text(wanted)
    return True


def package_files() -> List[Path]:
    """The project files of our own packages: a changed dependency or script rebuilds."""
    return sorted(ROOT.glob("*/*/pyproject.toml"))


def install_plugins(venv: Path) -> None:
    """Let Meltano build each plugin's own environment, once for each set of lock files."""
    stamp = ROOT / ".meltano" / STAMP
    declared = [file for file in ROOT.glob("*/*.meltano.yml") if "pip_url" in file.read_text()]
    declared += (ROOT / "plugins").glob("*/*.lock")
    wanted = digest(sorted(LOCKS.glob("*.txt")) + package_files() + sorted(declared))
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    # This format shows why an installation failed; the project's own does not.
    meltano = [str(venv / "bin" / "meltano"), "--log-format", "uncolored"]
    run_step("install the plugins", [*meltano, "install"])
    stamp.write_text(wanted)


def compile_packages() -> None:
    """Compile our own packages, which uv leaves alone because they stay where they are.

    A start would do it, but may not write the outcome where PYTHONDONTWRITEBYTECODE is set or the
    folder is read-only, as in many containers: then each start of a plugin compiles them anew.
    What is compiled already is left as it is.
    """
    for package in (ROOT / "plugins").glob("*/*_*/__init__.py"):
        compileall.compile_dir(str(package.parent), quiet=1)


def write_dotenv() -> None:
    """Give the local stack its settings: a copy of `.env.example`, for the owner's eyes only."""
    target, example = ROOT / ".env", ROOT / ".env.example"
    if not target.exists():
        target.touch(mode=0o600)
        shutil.copyfile(str(example), str(target))
    missing = variables(example.read_text()) - variables(target.read_text())
    if missing:
        print(f"  .env lacks {', '.join(sorted(missing))}: copy what .env.example says of it")


def variables(text: str) -> Set[str]:
    """The names of the variables that the text of a `.env` file sets."""
    lines = [line.strip().partition("=") for line in text.splitlines()]
    return {name.strip() for name, sign, _ in lines if sign and not name.startswith("#")}


def main(arguments: List[str]) -> int:
    """Build the environment named by the first argument; returns the exit status."""
    try:
        check_python(sys.version_info[:3])
        if arguments == ["run"]:
            venv = ROOT / ".venv"
            build_environment(venv, LOCKS / "project.txt", [])
            write_dotenv()
            install_plugins(venv)
            compile_packages()
        elif arguments == ["dev"]:
            packages = [str(file.parent.relative_to(ROOT)) for file in package_files()]
            editable = [word for package in packages for word in ("-e", package)]
            ours = ["--no-deps", "--build-constraint", str(LOCKS / "build.txt"), *editable]
            venv = ROOT / ".venv-dev"
            build_environment(venv, LOCKS / "dev.txt", [("install our packages", ours)])
        elif arguments == ["bench"]:
            # The MeltanoLabs plugins pin different versions of one driver: an environment each.
            for name in ("bench", "bench-tap", "bench-target"):
                build_environment(ROOT / f".venv-{name}", LOCKS / f"{name}.txt", [])
        else:
            raise SetUpError(f"say which environment: run, dev or bench, not {arguments}")
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.environ.pop("VIRTUAL_ENV", None)  # uv would warn about, or take, the caller's environment
    # Else each start in a fresh copy of the environment, as in a container, compiles it anew.
    os.environ.setdefault("UV_COMPILE_BYTECODE", "1")
    sys.exit(main(sys.argv[1:]))
