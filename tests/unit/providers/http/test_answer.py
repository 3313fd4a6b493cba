from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.providers.http.answer import (
    HEAD_BYTES_MAX,
    LINE_BYTES_MAX,
    Answer,
    AnswerTooLarge,
    MalformedAnswer,
    TruncatedAnswer,
    WireFault,
    read_answer,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(
    *pieces: bytes, body_bytes_max: int = 1_000_000, is_tunnel: bool = False
) -> Answer | WireFault | None:
    """Return the answer or the fault that the pieces come to, None where they are too few."""
    reading = read_answer(body_bytes_max, is_tunnel=is_tunnel)
    next(reading)
    try:
        for piece in pieces:
            reading.send(piece)
    except StopIteration as complete:
        answer: Answer = complete.value
        return answer
    except WireFault as fault:
        return fault
    return None


def read_whole(*pieces: bytes) -> Answer:
    found = read(*pieces)
    assert isinstance(found, Answer)
    return found


def with_length(body: bytes, *lines: bytes) -> bytes:
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def test_an_answer_with_a_length() -> None:
    assert read(with_length(b'{"a":1}', b"X-Mine:  yes\t", b"X-Empty:")) == Answer(
        200, {"content-length": "7", "x-mine": "yes", "x-empty": ""}, b'{"a":1}', keeps_alive=True
    )


def test_equal_headers_are_joined() -> None:
    assert read_whole(with_length(b"", b"A: 1", b"a: 2")).headers["a"] == "1, 2"


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        (b"1.1", None, True),
        (b"1.1", b"keep-alive", True),
        (b"1.1", b"Close", False),
        (b"1.0", None, False),
        (b"1.0", b"Keep-Alive", True),
    ],
)
def test_whether_the_connection_is_kept(
    version: bytes, connection: bytes | None, *, expected: bool
) -> None:
    line = b"" if connection is None else b"Connection: " + connection + b"\r\n"
    data = b"HTTP/" + version + b" 200 OK\r\n" + line + b"Content-Length: 0\r\n\r\n"
    assert read_whole(data).keeps_alive is expected


def test_what_comes_after_an_answer_ends_the_connection() -> None:
    answer = read_whole(with_length(b"{}") + b"HTTP/1.1 200 OK\r\n")
    assert (answer.body, answer.keeps_alive) == (b"{}", False)


def test_chunks() -> None:
    body = b"3\r\n{'a\r\nA;name=value\r\n1234567890\r\n000\r\nTrailer: x\r\n\r\n"
    answer = read_whole(CHUNKED + body)
    assert (answer.body, answer.keeps_alive) == (b"{'a1234567890", True)


def test_two_lengths_end_the_connection() -> None:
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\n")
    answer = read_whole(head + b"2\r\n{}\r\n0\r\n\r\n")
    assert (answer.body, answer.keeps_alive) == (b"{}", False)


def test_a_length_that_is_repeated() -> None:
    assert read_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}").body == b"{}"


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    pieces = (b"HTTP/1.1 200 OK\r\n\r\n{", b'"a":', b"1}")
    assert read(*pieces) is None
    answer = read_whole(*pieces, b"")
    assert (answer.body, answer.keeps_alive) == (b'{"a":1}', False)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(status: int) -> None:
    answer = read_whole(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)
    assert (answer.status, answer.body, answer.keeps_alive) == (status, b"", True)


def test_a_tunnel_has_no_body_and_a_refusal_of_one_has() -> None:
    established = read(b"HTTP/1.1 200 Connection established\r\n\r\n", is_tunnel=True)
    assert established == Answer(200, {}, b"", keeps_alive=True)
    refused = read(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", is_tunnel=True)
    assert isinstance(refused, Answer)
    assert (refused.status, refused.body) == (407, b"no")


def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    answer = read_whole(interim + with_length(b"{}"))
    assert (answer.status, answer.body, "link" in answer.headers) == (200, b"{}", False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n",
        b"H\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA space : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\nB: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x1\r\n",
        CHUNKED + b"1" * 16 + b"\r\n",
        CHUNKED + b"2\r\n{}}\r\n",
        CHUNKED + b"1;" + b"x" * LINE_BYTES_MAX + b"y",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * HEAD_BYTES_MAX,
        with_length(b"no gzip", b"Content-Encoding: gzip"),
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    assert isinstance(read(data), MalformedAnswer)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTT",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        with_length(b"{}")[:-1],
        CHUNKED,
        CHUNKED + b"5\r\n{",
        CHUNKED + b"2\r\n{}\r\n",
        CHUNKED + b"2\r\n{}\r\n0\r\n",
    ],
)
def test_what_is_cut_off(data: bytes) -> None:
    assert isinstance(read(data, b""), TruncatedAnswer)


@pytest.mark.parametrize(
    "pieces",
    [
        (with_length(b"x" * 11),),
        (with_length(b"x" * 11)[:-11],),  # before it comes
        (CHUNKED + b"6\r\n123456\r\n6\r\n",),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"123456", b"123456"),
    ],
)
def test_what_is_too_large(pieces: tuple[bytes, ...]) -> None:
    assert isinstance(read(*pieces, body_bytes_max=10), AnswerTooLarge)


def test_a_small_body_that_becomes_a_large_one() -> None:
    data = with_length(gzip.compress(bytes(100_000)), b"Content-Encoding: gzip")
    assert isinstance(read(data, body_bytes_max=1000), AnswerTooLarge)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b"gzip", gzip.compress(b'{"a":1}', mtime=0)),
        (b"X-GZIP", gzip.compress(b'{"a":1}', mtime=0)),
        (b"deflate", zlib.compress(b'{"a":1}')),
        (b"identity", b'{"a":1}'),
    ],
)
def test_bodies_that_are_packed_unasked(coding: bytes, packed: bytes) -> None:
    assert read_whole(with_length(packed, b"Content-Encoding: " + coding)).body == b'{"a":1}'


_ANSWERS = (
    with_length(b'{"a":1}', b"X-Mine: yes"),
    CHUNKED + b"3\r\n{'a\r\nA;name=value\r\n1234567890\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"{}"),
    b"HTTP/1.1 200 OK\r\n\r\n" + b"until the end",
    CHUNKED + b"3\r\n{'a\r\nzz\r\n",
)


@given(st.sampled_from(_ANSWERS), st.lists(st.integers(1, 120)))
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    ends = sorted({*(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    whole, cut = read(data, b""), read(*pieces, b"")
    if isinstance(whole, Answer):
        assert cut == whole
    else:
        assert type(cut) is type(whole)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_fault(data: bytes) -> None:
    read(b"HTTP/1.1 200 OK\r\n" + data, b"")
    read(CHUNKED + data, b"")
