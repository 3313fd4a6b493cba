from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from outcrop.cli.completion import ShellCompleter
from outcrop.cli.metacommands import METACOMMANDS
from tests.unit.cli.test_describe import SNAPSHOT

COMPLETER = ShellCompleter(
    lambda: SNAPSHOT, {name: command.meaning for name, command in METACOMMANDS.items()}
)


def complete(text: str) -> list[str]:
    event = CompleteEvent(completion_requested=True)
    return [c.text for c in COMPLETER.get_completions(Document(text), event)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM pati", ["patients"]),
        ("SELECT pn", ["pname"]),
        ("SELECT diet_", ["diet_plan"]),
        ("SHOW MODEL d", ["dietician"]),
        (
            "SET outcrop.max_c",
            ["outcrop.max_cost_usd", "outcrop.max_calls", "outcrop.max_concurrency"],
        ),
        ("SELECT x.pn", []),
        ("SELECT patients.pn", ["patients.pname"]),
        ("SELECT * FROM patients AS x WHERE x.pn", ["x.pname"]),
        ("SELECT * FROM public.pro", ["public.prompts"]),
        ("SELECT listag", ["listagg"]),
        ("SELEC", ["SELECT"]),
        ("selec", ["select"]),
        ("\\ti", ["\\timing"]),
        ("\\d pat", ["patients"]),
        ("\\d diet", ["dietician"]),
    ],
)
def test_what_fits_is_offered(text: str, expected: list[str]) -> None:
    assert complete(text) == expected


def test_a_candidate_says_what_it_is() -> None:
    event = CompleteEvent(text_inserted=True)
    [found] = COMPLETER.get_completions(Document("SELECT 1 FROM patients WHERE pnam"), event)
    assert found.display_meta_text == "patients: character varying(80)"
    assert found.start_position == -4


def test_nothing_is_offered_before_the_first_letter() -> None:
    event = CompleteEvent(text_inserted=True)
    assert list(COMPLETER.get_completions(Document("SELECT "), event)) == []
