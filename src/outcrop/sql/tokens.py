"""A cursor over the tokens of one statement, with errors that say where and what was expected."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.generators.redshift import RedshiftGenerator
from sqlglot.tokenizer_core import Token, TokenType

from outcrop.errors import FeatureNotSupported, Position, SqlSyntaxError, suggest
from outcrop.sql.script import Script
from outcrop.sql.statements import NameParts

NAME_PARTS_MAX = 3

_STRINGS = frozenset({TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.RAW_STRING})
_NOT_WORDS = _STRINGS | {TokenType.IDENTIFIER, TokenType.NUMBER}


class TokenCursor:
    """Reads a statement's tokens from left to right.

    Words are keywords and unquoted identifiers, compared without regard to case; a quoted
    identifier is never a word. Every method that consumes tokens leaves the cursor where it was if
    what it looks for is not there.
    """

    def __init__(self, script: Script, tokens: Sequence[Token]) -> None:
        self.script = script
        self.tokens = tokens
        self.index = 0

    @property
    def text(self) -> str:
        """The text of the whole statement."""
        return self.script.source(self.tokens[0], self.tokens[-1])

    @property
    def start(self) -> Position:
        """Where the statement begins."""
        return self.script.position(self.tokens[0].start)

    @property
    def position(self) -> Position:
        """Where the next token begins, or where the statement ends."""
        token = self.peek()
        offset = token.start if token else self.tokens[-1].end + 1
        return self.script.position(offset)

    def peek(self, ahead: int = 0) -> Token | None:
        """Return the next token, or one further ahead, or None past the end."""
        at = self.index + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def word(self, ahead: int = 0) -> str | None:
        """Return the next token in upper case if it is a word or a symbol, else None."""
        token = self.peek(ahead)
        if token is None or token.token_type in _NOT_WORDS:
            return None
        return token.text.upper()

    def at(self, *words: str) -> bool:
        """Whether the next tokens are `words`."""
        return all(self.word(ahead) == word for ahead, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        """Consume `words` if they come next; return whether they did."""
        if not self.at(*words):
            return False
        self.index += len(words)
        return True

    def accept_one_of(self, *words: str) -> str | None:
        """Consume the one of `words` that comes next and return it, else None."""
        word = self.word()
        if word is None or word not in words:
            return None
        self.index += 1
        return word

    def expect(self, *words: str) -> None:
        """Consume `words`, each of which must come next."""
        for word in words:
            if not self.accept(word):
                raise self.error(f"expected {word}")

    def expect_one_of(self, *words: str) -> str:
        """Consume the one of `words` that comes next and return it; one of them must."""
        word = self.accept_one_of(*words)
        if word is None:
            raise self.error(f"expected one of {', '.join(words)}", known=words)
        return word

    def identifier(self, what: str = "a name") -> str:
        """Consume an identifier and return it as typed, without quotes."""
        token = self.peek()
        if token is None:
            raise self.error(f"expected {what}")
        if token.token_type is not TokenType.IDENTIFIER:
            if token.token_type in _NOT_WORDS or not _is_name(token.text):
                raise self.error(f"expected {what}")
            if token.text.lower() in RedshiftGenerator.RESERVED_KEYWORDS:
                raise self.error(
                    f'expected {what}; {token.text.upper()} is a reserved word, quote it: "'
                    f'{token.text.lower()}"'
                )
        self.index += 1
        source = self.script.source(token, token)
        return token.text if token.token_type is TokenType.IDENTIFIER else source

    def identifier_or_word(self, what: str) -> str:
        """Consume an identifier, a reserved word or a string: for values such as `raw` or AUTO."""
        text = self.accept_string()
        if text is not None:
            return text
        token = self.peek()
        if token is None or token.token_type in _NOT_WORDS or not _is_name(token.text):
            raise self.error(f"expected {what}")
        self.index += 1
        return token.text

    def unquoted(self, tokens: Sequence[Token]) -> str:
        """Return tokens as typed, or what they say if they are one quoted identifier."""
        if len(tokens) == 1 and tokens[0].token_type is TokenType.IDENTIFIER:
            return tokens[0].text
        return self.script.source(tokens[0], tokens[-1])

    def name(self, what: str = "a name") -> NameParts:
        """Consume a name of one to three parts."""
        parts = [self.identifier(what)]
        while self.accept("."):
            if len(parts) == NAME_PARTS_MAX:
                raise self.error("expected a name of at most three parts")
            parts.append(self.identifier(what))
        return tuple(parts)

    def names(self, what: str = "a column") -> tuple[str, ...]:
        """Consume a list of identifiers in parentheses."""
        self.expect("(")
        found = [self.identifier(what)]
        while self.accept(","):
            found.append(self.identifier(what))
        self.expect(")")
        return tuple(found)

    def accept_string(self) -> str | None:
        """Consume a string and return what it says, escapes resolved, else None."""
        token = self.peek()
        if token is None or token.token_type not in _STRINGS:
            return None
        self.index += 1
        return token.text

    def accept_raw_string(self) -> str | None:
        r"""Consume a string and return it as typed: backslashes stay, so that '\N' is `\N`."""
        token = self.peek()
        if token is None or token.token_type is not TokenType.STRING:
            return self.accept_string()
        self.index += 1
        return self.script.source(token, token)[1:-1].replace("''", "'")

    def string(self, what: str = "a string") -> str:
        """Consume a string, which must come next."""
        found = self.accept_string()
        if found is None:
            raise self.error(f"expected {what}, in single quotes")
        return found

    def number(self, what: str = "a number") -> str:
        """Consume a number and return it as typed, with its sign."""
        sign = "-" if self.accept("-") else ""
        token = self.peek()
        if token is None or token.token_type is not TokenType.NUMBER:
            raise self.error(f"expected {what}")
        self.index += 1
        return sign + token.text

    def take_until(self, *stops: str) -> list[Token]:
        """Consume and return tokens up to a word of `stops` outside of parentheses, or the end."""
        first = self.index
        depth = 0
        while self.peek() is not None:
            word = self.word()
            if depth == 0 and (word in stops or word == ")"):
                break
            depth += (word in ("(", "[")) - (word in (")", "]"))
            self.index += 1
        return list(self.tokens[first : self.index])

    def take_rest(self) -> list[Token]:
        """Consume and return the tokens that are left."""
        rest = list(self.tokens[self.index :])
        self.index = len(self.tokens)
        return rest

    def end(self) -> None:
        """Check that nothing is left."""
        if self.peek() is not None:
            raise self.error("expected the end of the statement")

    def error(self, hint: str, *, known: Sequence[str] = ()) -> SqlSyntaxError:
        """Return the error for the next token; `known` are words that it may be misspelt for."""
        token = self.peek()
        if token is None:
            return SqlSyntaxError(
                "syntax error at end of input", hint=_sentence(hint), position=self.position
            )
        text = self.script.source(token, token)
        guess = suggest(text, known)
        return SqlSyntaxError(
            f"syntax error at or near {text!r}",
            hint=f"{_sentence(hint)} {guess}" if guess else _sentence(hint),
            position=self.position,
        )

    def unsupported(self, what: str, hint: str) -> FeatureNotSupported:
        """Return the error for a clause of Redshift that Outcrop does not have."""
        return FeatureNotSupported(f"{what} is not supported", hint=hint, position=self.position)


def _is_name(text: str) -> bool:
    return bool(text) and (text[0].isalpha() or text[0] in "_#" or ord(text[0]) > 127)


def _sentence(hint: str) -> str:
    return f"{hint[:1].upper()}{hint[1:]}."
