"""The settings of one session: defaults, what SET changed, and what SET LOCAL changed for now."""

from __future__ import annotations

from collections.abc import Mapping

from outcrop.settings import SETTINGS, SettingValue, find_setting, parse_setting


class SessionSettings:
    """Reads and writes by setting name; unknown names raise UndefinedSetting with a suggestion."""

    def __init__(self, defaults: Mapping[str, SettingValue]) -> None:
        self._defaults = {name: setting.default for name, setting in SETTINGS.items()} | {
            **defaults
        }
        self._set: dict[str, SettingValue] = {}
        self._local: dict[str, SettingValue] = {}
        self._before: dict[str, SettingValue] = {}

    def __getitem__(self, name: str) -> SettingValue:
        known = find_setting(name).name
        for layer in (self._local, self._set):
            if known in layer:
                return layer[known]
        return self._defaults[known]

    def values(self) -> Mapping[str, SettingValue]:
        """Return every setting's value at this moment."""
        return {**self._defaults, **self._set, **self._local}

    def set(self, name: str, text: str | None, *, is_local: bool = False) -> None:
        """Set `name` to what `text` stands for; None is its default."""
        setting = find_setting(name)
        layer = self._local if is_local else self._set
        value = self._defaults[setting.name] if text is None else parse_setting(name, text)
        layer[setting.name] = value
        if not is_local:
            self._local.pop(setting.name, None)

    def reset_all(self) -> None:
        """Give every setting its default back."""
        self._set.clear()
        self._local.clear()

    def begin_transaction(self) -> None:
        """Note the settings to come back to, should the transaction be undone."""
        self._before = dict(self._set)

    def end_transaction(self, *, commit: bool) -> None:
        """Forget what SET LOCAL changed, and, unless it commits, what SET did.

        Source: PostgreSQL's "SET", whose effect a rolled back transaction undoes.
        """
        self._local.clear()
        if not commit:
            self._set = dict(self._before)
