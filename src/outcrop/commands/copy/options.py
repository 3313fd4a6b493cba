"""The options of COPY, checked: what the statement says, in the form that the readers use.

Facts are from the Amazon Redshift developer guide, "COPY parameter reference".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from outcrop.errors import FeatureNotSupported, InvalidParameter, SqlSyntaxError, suggest
from outcrop.sql.statements import Copy

IGNOREHEADER_MAX = 1_000_000
MAXERROR_MAX = 100_000


class Format(StrEnum):
    """How the source's records are written down."""

    TEXT = "delimited text"
    CSV = "CSV"
    JSON = "JSON"
    PARQUET = "PARQUET"


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """What COPY's options ask for.

    `errors_max` is how many bad rows fail the load (None: no number does); `json` is `auto`,
    `auto ignorecase`, `noshred` or where the jsonpaths file is; `encoding` is Python's name of it.
    """

    format: Format = Format.TEXT
    delimiter: str = "|"
    quote: str = '"'
    json: str = "auto"
    compression: str | None = None
    encoding: str = "utf-8"
    null_text: str = "\\N"
    date_format: str | None = None
    time_format: str | None = None
    invalid_char: str | None = None
    ignore_header: int = 0
    errors_max: int | None = 1
    is_manifest: bool = False
    is_noload: bool = False
    is_escaped: bool = False
    accept_any_date: bool = False
    blanks_as_null: bool = False
    empty_as_null: bool = False
    fill_record: bool = False
    ignore_blank_lines: bool = False
    remove_quotes: bool = False
    round_decimals: bool = False
    trim_blanks: bool = False
    truncate_columns: bool = False


_UNSUPPORTED_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "AVRO": "Convert the files to JSON or Parquet.",
        "ORC": "Convert the files to Parquet.",
        "FIXEDWIDTH": "Load each line into one VARCHAR column, then cut it with SUBSTRING.",
        "SHAPEFILE": "Convert the files to CSV.",
    }
)
_UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "LZOP": "Compress the files with GZIP, BZIP2 or ZSTD.",
        "ENCRYPTED": "Use server-side encryption, which needs no option.",
        "MASTER_SYMMETRIC_KEY": "Use server-side encryption, which needs no option.",
        "SSH": "Copy the files to an object store first.",
        "EXPLICIT_IDS": "Load without it; there are no IDENTITY columns.",
    }
)

_COMPRESSIONS = {"GZIP": "gzip", "BZIP2": "bz2", "ZSTD": "zstd"}

_ENCODINGS = {
    "UTF8": "utf-8",
    "UTF16": "utf-16",
    "UTF16LE": "utf-16-le",
    "UTF16BE": "utf-16-be",
    "ISO88591": "latin-1",
}

# Options that are read here or by sources.py, and those that Outcrop needs not heed.
_KNOWN = (
    *("FORMAT", "CSV", "JSON", "PARQUET", "DELIMITER", "QUOTE", "NULL", "ENCODING", "MANIFEST"),
    *("GZIP", "BZIP2", "ZSTD", "DATEFORMAT", "TIMEFORMAT", "IGNOREHEADER", "MAXERROR"),
    *("IGNOREALLERRORS", "NOLOAD", "ESCAPE", "ACCEPTANYDATE", "ACCEPTINVCHARS"),
    *("BLANKSASNULL", "EMPTYASNULL", "FILLRECORD", "IGNOREBLANKLINES", "REMOVEQUOTES"),
    *("ROUNDEC", "TRIMBLANKS", "TRUNCATECOLUMNS", "SERIALIZETOJSON"),
    *("IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION"),
    *("COMPROWS", "COMPUPDATE", "STATUPDATE"),
)


def parse_options(statement: Copy) -> CopyOptions:
    """Return the options of `statement`, or raise what is wrong with one of them."""
    options = _Reader(statement)
    options.check_names()
    chosen = options.format()
    delimiter, quote = options.delimiter(chosen), options.character("QUOTE", '"')
    if chosen is Format.CSV and delimiter == quote:
        raise options.invalid("QUOTE", "takes another character than the delimiter")
    return CopyOptions(
        format=chosen,
        delimiter=delimiter,
        quote=quote,
        json=options.text("JSON", "auto").strip(),
        compression=options.compression(),
        encoding=options.encoding(),
        null_text=options.text("NULL", "\\N"),
        date_format=options.pattern("DATEFORMAT"),
        time_format=options.pattern("TIMEFORMAT"),
        invalid_char=options.invalid_char(),
        ignore_header=options.number("IGNOREHEADER", IGNOREHEADER_MAX),
        errors_max=options.errors_max(),
        is_manifest=options.has("MANIFEST"),
        is_noload=options.has("NOLOAD"),
        is_escaped=options.has("ESCAPE"),
        accept_any_date=options.has("ACCEPTANYDATE"),
        blanks_as_null=options.has("BLANKSASNULL"),
        empty_as_null=options.has("EMPTYASNULL"),
        fill_record=options.has("FILLRECORD"),
        ignore_blank_lines=options.has("IGNOREBLANKLINES"),
        remove_quotes=options.has("REMOVEQUOTES"),
        round_decimals=options.has("ROUNDEC"),
        trim_blanks=options.has("TRIMBLANKS"),
        truncate_columns=options.has("TRUNCATECOLUMNS"),
    )


class _Reader:
    """Reads one statement's options; every error points at the option."""

    def __init__(self, statement: Copy) -> None:
        self._options = statement.options
        self._positions = statement.option_positions

    def invalid(self, name: str, reason: str) -> InvalidParameter:
        return InvalidParameter(
            f"invalid value for {name}: {self._options.get(name)!r}",
            hint=f"{name} {reason}.",
            position=self._positions.get(name),
        )

    def check_names(self) -> None:
        for name in self._options:
            position = self._positions.get(name)
            if name in _UNSUPPORTED:
                raise FeatureNotSupported(
                    f"COPY does not support {name}", hint=_UNSUPPORTED[name], position=position
                )
            if name not in _KNOWN and name not in _UNSUPPORTED_FORMATS:
                raise SqlSyntaxError(
                    f"COPY has no option {name!r}", hint=suggest(name, _KNOWN), position=position
                )

    def has(self, name: str) -> bool:
        return name in self._options

    def text(self, name: str, default: str) -> str:
        value = self._options.get(name, default)
        return value if isinstance(value, str) else default

    def pattern(self, name: str) -> str | None:
        value = self.text(name, "")
        return value.strip() or None

    def number(self, name: str, limit: int) -> int:
        text = self.text(name, "0")
        if not text.isdecimal() or int(text) > limit:
            raise self.invalid(name, f"takes a whole number from 0 to {limit}")
        return int(text)

    def character(self, name: str, default: str) -> str:
        text = self.text(name, default)
        if len(text) != 1 or not text.isascii() or text in "\r\n\0":
            raise self.invalid(name, "takes one ASCII character")
        return text

    def format(self) -> Format:
        name = self.text("FORMAT", "").upper()
        if not name:
            name = next((n for n in ("CSV", "JSON", "PARQUET") if self.has(n)), "")
        if name in _UNSUPPORTED_FORMATS:
            raise FeatureNotSupported(
                f"COPY does not support the format {name}",
                hint=_UNSUPPORTED_FORMATS[name],
                position=self._positions.get("FORMAT"),
            )
        known = {"": Format.TEXT, "CSV": Format.CSV, "JSON": Format.JSON}
        known["PARQUET"] = Format.PARQUET
        if name not in known:
            raise self.invalid("FORMAT", "takes CSV, JSON or PARQUET; without it, plain text")
        return known[name]

    def delimiter(self, chosen: Format) -> str:
        if chosen is Format.CSV:
            return self.character("DELIMITER", ",")
        text = self.text("DELIMITER", "|")
        if not text or not text.isascii() or set(text) & set("\r\n"):
            raise self.invalid("DELIMITER", "takes ASCII characters, and no end of line")
        return text

    def compression(self) -> str | None:
        chosen = [name for name in _COMPRESSIONS if self.has(name)]
        if len(chosen) > 1:
            raise SqlSyntaxError(f"COPY takes {chosen[0]} or {chosen[1]}, and not both")
        return _COMPRESSIONS[chosen[0]] if chosen else None

    def encoding(self) -> str:
        name = self.text("ENCODING", "UTF8").upper().replace("-", "").replace("_", "")
        if name not in _ENCODINGS:
            raise self.invalid("ENCODING", f"takes {', '.join(_ENCODINGS)}")
        return _ENCODINGS[name]

    def invalid_char(self) -> str | None:
        return self.character("ACCEPTINVCHARS", "?") if self.has("ACCEPTINVCHARS") else None

    def errors_max(self) -> int | None:
        if self.has("IGNOREALLERRORS"):
            return None
        return max(self.number("MAXERROR", MAXERROR_MAX), 1)
