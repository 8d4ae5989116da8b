"""Reads the templates of messages: the product's own, and what a folder puts in their place."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alerts.notify.wording import TEMPLATES, Templates
from stream.errors import SettingsError

__all__ = ["SHIPPED", "read_templates"]

SHIPPED: Final = Path(__file__).resolve().parents[2] / "deploy" / "notify"


def read_templates(folder: Path | None) -> Templates:
    """Return the templates.

    Args:
        folder: files in it replace those of the product by name (``alert.zh.md``); None for none.

    Raises:
        SettingsError: the folder is not there, holds a file of another name, or a template is wrong.
    """
    names = {f"{name}.{locale}.md" for name in TEMPLATES for locale in ("zh", "en")}
    own: set[str] = set()
    if folder is not None:
        if not folder.is_dir():
            raise SettingsError(f"ROOMWATCH_NOTIFY_TEMPLATES_DIR: {folder} is no folder")
        own = {file.name for file in folder.glob("*.md")}
        if strange := sorted(own - names):
            raise SettingsError(
                f"ROOMWATCH_NOTIFY_TEMPLATES_DIR: {strange[0]} is no template;"
                f" there are {', '.join(sorted(names))}"
            )
    return Templates(
        {
            (name, locale): _read(
                (folder if folder and f"{name}.{locale}.md" in own else SHIPPED), name, locale
            )
            for name in TEMPLATES
            for locale in ("zh", "en")
        }
    )


def _read(folder: Path, name: str, locale: str) -> str:
    file = folder / f"{name}.{locale}.md"
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the template {file} cannot be read: {error}") from error
