"""Errors that a person can act on, and the console entry that prints them as one line.

- `UserError`: something outside the program is wrong (a setting, a right, a table). Its text is
  one line: what was wrong, the value received, what is allowed, what to do.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click
from singer_sdk.exceptions import ConfigValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from singer_sdk.plugin_base import PluginBase

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
"""128 + SIGINT, what a shell reports for a command stopped with Ctrl-C."""

_SETTING_AT_FAULT = re.compile(r" in config\['(?P<name>[^']+)'\]")


class UserError(Exception):
    """Something the user can put right, told in one line.

    The text says what was wrong, the value received, what is allowed and what to do. It never
    holds a secret.
    """


def one_line(error: BaseException) -> str:
    """Describe an error in one line.

    Args:
        error: What was raised.

    Returns:
        The text of a `UserError` as it is; the first line of any other error after its type,
        because the text alone (`KeyError: 'x'`) may say nothing.
    """
    text = " ".join(str(error).split()) if isinstance(error, UserError) else _first_line(error)
    if isinstance(error, UserError | click.ClickException):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _first_line(error: BaseException) -> str:
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return text.strip().partition("\n")[0].strip()


def run_plugin(plugin: type[PluginBase]) -> NoReturn:
    """Run a plugin's command line: the console script of a tap or target.

    Whatever fails ends as one line on stderr, `error: …`, and exit status 1. With the log level
    `debug` (`LOGLEVEL` or `<PLUGIN>_LOGLEVEL`) the traceback follows.

    Args:
        plugin: The tap or target class.

    Raises:
        SystemExit: Always; status 0 if the plugin did all it was asked.
    """
    command = plugin.cli
    command.callback = _as_user_errors(command.callback)
    try:
        status = command.main(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        # Critical, so that no log level can hide why the run failed.
        plugin.logger.critical(
            "error: %s", one_line(error), exc_info=plugin.logger.isEnabledFor(logging.DEBUG)
        )
        sys.exit(EXIT_FAILURE)
    sys.exit(status if isinstance(status, int) else 0)


def _as_user_errors(callback: Callable[..., Any] | None) -> Callable[..., Any]:
    """Wrap a command so that what the SDK and click would handle themselves is told in one line.

    The SDK prints one line per invalid setting, each quoting the value received, a password
    included. Click ends without a word when the output has no reader.
    """
    assert callback is not None  # noqa: S101 (the SDK always sets it)

    @functools.wraps(callback)
    def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return callback(*args, **kwargs)
        except ConfigValidationError as error:
            raise UserError(_describe_settings(error)) from error
        except BrokenPipeError as error:
            # What is still buffered has no reader; it must not fail once more at exit:
            # https://docs.python.org/3/library/signal.html#note-on-sigpipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            message = "stopped, because what reads the output has ended; its own error says why"
            raise UserError(message) from error

    return wrapped


def _describe_settings(error: ConfigValidationError) -> str:
    properties: Mapping[str, Any] = (error.schema or {}).get("properties", {})
    described = [_without_secret(text, properties) for text in error.errors]
    return (
        f"invalid settings: {'; '.join(described)}; run the plugin with --about for what is allowed"
    )


def _without_secret(text: str, properties: Mapping[str, Any]) -> str:
    found = _SETTING_AT_FAULT.search(text)
    # One that holds a secret further down is shown by its whole value too.
    if found and '"secret": true' in json.dumps(properties.get(found["name"])):
        return f"the value of '{found['name']}' is not valid (not shown: it is a secret)"
    return text
