"""How many requests one model gets at once."""

from __future__ import annotations

from outcrop.inference.window import (
    LATENCY_WINDOW_START,
    WINDOW_START,
    AimdWindow,
    GradientWindow,
)


def test_it_grows_by_half_with_each_full_round_until_the_first_refusal() -> None:
    window = AimdWindow(1_000, size=8)
    sizes = []
    for _ in range(4):
        for _ in range(window.size):
            window.answered(in_flight=1_000, latency_s=0.1)
        sizes.append(window.size)
    assert sizes == [12, 18, 27, 40]
    window.refused()
    assert window.size == 20


def test_a_window_that_is_not_full_does_not_grow() -> None:
    window = AimdWindow(100)
    for _ in range(50):
        window.answered(in_flight=WINDOW_START - 1, latency_s=0.1)
    assert window.size == WINDOW_START


def test_after_a_refusal_it_grows_by_one_for_each_window_of_answers() -> None:
    window = AimdWindow(100, size=16)
    window.refused()
    for _ in range(9):
        window.answered(in_flight=100, latency_s=0.1)
    assert window.size == 9


def test_it_stays_between_one_and_its_maximum() -> None:
    window = AimdWindow(4, size=16)
    assert window.size == 4
    window.answered(in_flight=4, latency_s=0.1)
    assert window.size == 4
    for _ in range(5):
        window.refused()
    assert window.size == 1


def _settle(server_slots: int) -> GradientWindow:
    """Return the window that a server with so many slots leads to: what is more waits in it."""
    window = GradientWindow(512)
    for _ in range(6_000):
        latency_s = 0.1 * max(1.0, window.size / server_slots)
        window.answered(window.size, latency_s)
    return window


def test_the_gradient_finds_about_what_a_server_can_do_at_once() -> None:
    for slots in (4, 16, 64):
        assert slots <= _settle(slots).size <= 5 * slots


def test_the_gradient_comes_down_where_requests_wait() -> None:
    window = GradientWindow(512, size=8)
    for _ in range(200):
        window.answered(8, 0.1)
    grown = window.size
    for _ in range(400):
        window.answered(grown, 1.0)
    assert window.size < grown


def test_a_gradient_window_that_is_not_used_does_not_grow() -> None:
    window = GradientWindow(512)
    for _ in range(1_000):
        window.answered(in_flight=1, latency_s=0.1)
    assert window.size == LATENCY_WINDOW_START
    window.refused()
    assert window.size == LATENCY_WINDOW_START // 2
