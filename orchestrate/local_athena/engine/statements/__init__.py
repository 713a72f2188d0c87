"""The kinds of statements: one module each, `run` finds the one that a text needs."""

from orchestrate.local_athena.engine.statements.dispatch import run

__all__ = ["run"]
