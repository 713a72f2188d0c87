"""Writes the settings table of each plugin's README from the plugin's own JSON Schema.

`python -m plugins.readme_settings` writes; with `--check` it only says, by its exit status, whether
a README is stale.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.plugin_base import PluginBase

ROOT = Path(__file__).resolve().parent
PLUGINS = {
    "tap-postgres": "tap_postgres.tap:TapPostgres",
    "target-postgres": "target_postgres.target:TargetPostgres",
    "target-s3": "target_s3.target:TargetS3",
}
"""Folder of each plugin, and where its class is."""

_FROM_THE_SDK = re.compile(r"stream_map|faker_config|flattening_")
_SECTION = re.compile(
    r"(?<=<!-- settings: written by `make settings` -->\n).*?(?=<!-- end of settings -->)",
    re.DOTALL,
)


def plugin_class(plugin: str) -> type[PluginBase]:
    """Give the class of a plugin, a key of `PLUGINS`."""
    module, _, name = PLUGINS[plugin].partition(":")
    found: type[PluginBase] = getattr(importlib.import_module(module), name)
    return found


def settings_of(plugin: str) -> dict[str, Any]:
    """Give a plugin's own settings.

    Args:
        plugin: A key of `PLUGINS`.

    Returns:
        JSON Schema of the plugin's config, without the settings that the SDK gives every plugin.
    """
    schema = plugin_class(plugin).config_jsonschema
    properties = {
        setting: described
        for setting, described in schema["properties"].items()
        if not _FROM_THE_SDK.match(setting)
    }
    return {**schema, "properties": properties}


def table(settings: dict[str, Any]) -> str:
    """Describe settings as a Markdown table, the parts of an object after it.

    Args:
        settings: JSON Schema of an object.
    """
    lines = ["| setting | type | default | |", "|---|---|---|---|"]
    lines += [_row(name, schema, required) for name, schema, required in _flat(settings)]
    return "\n".join(lines) + "\n"


def readme_with_settings(text: str, settings: dict[str, Any]) -> str:
    """Put the table of settings into the text of a README.

    Raises:
        ValueError: The README has no place marked for it.
    """
    if not _SECTION.search(text):
        message = "the README lacks the marks `<!-- settings: … -->` and `<!-- end of settings -->`"
        raise ValueError(message)
    return _SECTION.sub(lambda _: f"\n{table(settings)}\n", text)


def main(arguments: list[str]) -> int:
    """Write or check the README of each plugin; returns the exit status."""
    stale = []
    for plugin in PLUGINS:
        readme = ROOT / plugin / "README.md"
        text = readme.read_text()
        wanted = readme_with_settings(text, settings_of(plugin))
        if wanted != text:
            stale.append(f"plugins/{plugin}/README.md")
            if "--check" not in arguments:
                readme.write_text(wanted)
    if stale and "--check" in arguments:
        print(f"error: stale: {', '.join(stale)}; run `make settings`", file=sys.stderr)
        return 1
    return 0


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    for name, schema in settings.get("properties", {}).items():
        yield f"{prefix}{name}", schema, name in settings.get("required", ())
        yield from _flat(schema, f"{prefix}{name}.")


def _row(name: str, schema: dict[str, Any], required: bool) -> str:
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    shown = "/".join(each for each in names if each != "null")
    if allowed := schema.get("enum"):
        shown = ", ".join(f"`{each}`" for each in allowed if each is not None)
    default = "required" if required else ""
    if schema.get("default") is not None:
        default = f"`{json.dumps(schema['default'])}`".replace('"', "")
    text = " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
    secret = " *Secret.*" if schema.get("secret") else ""
    return f"| `{name}` | {shown} | {default} | {text}{secret} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
