"""The attributes of a table: BACKUP, DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO.

They say how Redshift lays a table out on its nodes. Outcrop keeps them for the catalog and lays
tables out as its engine does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from outcrop.sql.tokens import TokenCursor

DIST_STYLES = ("AUTO", "EVEN", "KEY", "ALL")


@dataclass(slots=True)
class TableAttributes:
    """The attributes found so far, by name; each may be given once."""

    found: dict[str, str] = field(default_factory=dict)

    def set(self, cursor: TokenCursor, name: str, value: str) -> None:
        """Note an attribute; a second one of the name is an error."""
        if name in self.found:
            raise cursor.error(f"expected {name} once only")
        self.found[name] = value

    def parse(self, cursor: TokenCursor) -> None:
        """Consume every attribute that follows, in any order."""
        while self._parse_one(cursor):
            pass

    def _parse_one(self, cursor: TokenCursor) -> bool:
        match cursor.word():
            case "BACKUP":
                cursor.index += 1
                self.set(cursor, "BACKUP", cursor.expect_one_of("YES", "NO"))
            case "DISTSTYLE":
                cursor.index += 1
                self.set(cursor, "DISTSTYLE", cursor.expect_one_of(*DIST_STYLES))
            case "DISTKEY":
                cursor.index += 1
                self.set(cursor, "DISTKEY", ", ".join(cursor.names()))
            case "COMPOUND" | "INTERLEAVED" | "SORTKEY":
                self._parse_sort_key(cursor)
            case "ENCODE":
                cursor.index += 1
                cursor.expect("AUTO")
                self.set(cursor, "ENCODE", "AUTO")
            case _:
                return False
        return True

    def _parse_sort_key(self, cursor: TokenCursor) -> None:
        style = cursor.accept_one_of("COMPOUND", "INTERLEAVED")
        cursor.expect("SORTKEY")
        if style is not None:
            self.set(cursor, "SORTSTYLE", style)
        if style is None and cursor.accept("AUTO"):
            self.set(cursor, "SORTKEY", "AUTO")
        else:
            self.set(cursor, "SORTKEY", ", ".join(cursor.names()))
