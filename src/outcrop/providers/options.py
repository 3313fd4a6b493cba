"""The options of a provider's table in `outcrop.toml`, read and checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from yarl import URL

from outcrop.errors import ConfigInvalid, suggest
from outcrop.providers.base import ProviderConfig


def check_option_names(config: ProviderConfig, known: Iterable[str]) -> None:
    """Raise ConfigInvalid, with a suggestion, if the table has a key that its kind lacks."""
    names = sorted(known)
    for key in config.options:
        if key not in names:
            raise ConfigInvalid(
                f"unknown key providers.{config.name}.{key}",
                hint=suggest(key, names) or f"kind {config.kind!r} takes {', '.join(names)}.",
            )


def text_option(config: ProviderConfig, key: str) -> str | None:
    """Return the text of an option, or None where it is absent."""
    value = config.options.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(f"providers.{config.name}.{key} must be a text that is not empty")
    return value


def choice_option(config: ProviderConfig, key: str, choices: tuple[str, ...]) -> str | None:
    """Return an option that is one of `choices`, or None where it is absent."""
    value = text_option(config, key)
    if value is not None and value not in choices:
        raise ConfigInvalid(
            f"providers.{config.name}.{key} cannot be {value!r}",
            hint=suggest(value, choices) or f"It takes {' or '.join(map(repr, choices))}.",
        )
    return value


def texts_option(config: ProviderConfig, key: str) -> Mapping[str, str]:
    """Return an option that is a table of texts, {} where it is absent."""
    table = config.options.get(key, {})
    if not isinstance(table, Mapping) or not all(isinstance(v, str) for v in table.values()):
        raise ConfigInvalid(f"providers.{config.name}.{key} must be a table of texts")
    return dict(table)


def parse_endpoint(where: str, text: str) -> URL:
    """Return the address `text`, or raise ConfigInvalid naming where it was written."""
    try:
        url = URL(text.rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigInvalid(
            f"{where} is no address: {text!r}",
            hint="Write it with its scheme, such as http://127.0.0.1:8080.",
        )
    return url
