from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.errors import (
    ConfigInvalid,
    MissingDependency,
    ModelNotFound,
    Rejected,
    TimedOut,
)
from outcrop.providers.base import Completion, ProviderConfig, ProviderRequest, RequestType
from outcrop.providers.converse import text_format, text_of
from outcrop.providers.gguf import GgufProvider, build, count_physical_cores
from outcrop.providers.gguf_server import LoadedModel, LoadOptions
from outcrop.providers.model_store import DEFAULT_MODEL, find_model

SENTIMENT = {
    "type": "object",
    "properties": {"label": {"enum": ["positive", "negative"]}},
    "required": ["label"],
    "additionalProperties": False,
}


def make(**options: Any) -> GgufProvider:
    return build(ProviderConfig("local", "gguf", options))


def request(text: str, timeout_s: float = 120.0, **members: Any) -> ProviderRequest:
    body = {"messages": [{"role": "user", "content": [{"text": text}]}], **members}
    return ProviderRequest(DEFAULT_MODEL, RequestType.UNIFIED, body, timeout_s)


def complete(provider: GgufProvider, *requests: ProviderRequest) -> list[Completion]:
    async def run() -> list[Completion]:
        return await asyncio.gather(*map(provider.complete, requests))

    return asyncio.run(run())


# Without a model -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"slot": 2}, "unknown key providers.local.slot", "Did you mean 'slots'?"),
        ({"slots": 0}, "providers.local.slots must be a whole number from 1 to 256", None),
        ({"slots": True}, "providers.local.slots must be a whole number from 1 to 256", None),
        ({"context": 2.5}, "providers.local.context must be a whole number from 64", None),
        ({"gpu_layers": -1}, "providers.local.gpu_layers must be a whole number from 0", None),
        ({"model": 3}, "providers.local.model must be a text", None),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        make(**options)
    assert caught.value.message.startswith(message)
    assert caught.value.hint == hint


def test_concurrency_is_the_number_of_slots() -> None:
    assert make().concurrency_max == 4
    assert make(slots=7).concurrency_max == 7


def test_an_unknown_model_a_missing_file_and_a_file_that_is_no_model(tmp_path: Path) -> None:
    no_model = tmp_path / "no-model.gguf"
    no_model.write_bytes(b"PK\3\4")
    for model_id, message in (
        ("smollm2-135m-instrukt", "no local model is called 'smollm2-135m-instrukt'"),
        (str(tmp_path / "absent.gguf"), "there is no model file"),
        (str(no_model), f"{str(no_model)!r} is no GGUF file"),
    ):
        provider = make(model=model_id)
        with pytest.raises(ModelNotFound) as caught:
            complete(provider, request("hi"))
        assert caught.value.message.startswith(message)
        asyncio.run(provider.close())


def test_without_xllamacpp_the_hint_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    provider = make(model=str(model))
    with pytest.raises(MissingDependency) as caught:
        complete(provider, request("hi"))
    assert caught.value.hint == "pip install 'outcrop[local]'"
    asyncio.run(provider.close())


def test_without_the_openmp_library_the_hint_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({said!r})\n")
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    provider = make(model=str(model))
    with pytest.raises(MissingDependency, match=r"the system library libgomp\.so\.1") as caught:
        complete(provider, request("hi"))
    assert str(caught.value.hint).startswith("apt-get install libgomp1")
    assert "GOMP_SPINCOUNT" not in os.environ
    asyncio.run(provider.close())


def test_closing_twice_and_unused() -> None:
    provider = make()
    asyncio.run(provider.close())
    asyncio.run(provider.close())


def test_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for processor in range(1024):
        listed = tmp_path / f"cpu{processor}" / "topology" / "core_cpus_list"
        listed.parent.mkdir(parents=True)
        listed.write_text("all\n")
    assert count_physical_cores(tmp_path) == 1
    assert count_physical_cores(tmp_path / "absent") >= 1


# With the local model ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local() -> Iterator[GgufProvider]:
    provider = make(context=1_024)
    yield provider
    asyncio.run(provider.close())


@pytest.mark.local_model
def test_an_answer_has_text_usage_and_a_reason(local: GgufProvider) -> None:
    asked = request("Say hello.", inferenceConfig={"maxTokens": 12})
    first, second = (complete(local, asked)[0] for _ in range(2))
    assert text_of(first.response)
    assert first.usage is not None
    assert first.usage.input_tokens > 10
    assert 0 < first.usage.output_tokens <= 12
    assert first.response["usage"]["outputTokens"] == first.usage.output_tokens
    assert first.response["metrics"] == {"latencyMs": first.latency_ms}
    # The same question, the same answer and the same count, though its tokens are remembered.
    assert text_of(second.response) == text_of(first.response)
    assert second.usage == first.usage


@pytest.mark.local_model
def test_a_limit_cuts_the_answer_and_says_so(local: GgufProvider) -> None:
    asked = request("Tell a long story.", inferenceConfig={"maxTokens": 5})
    (completion,) = complete(local, asked)
    assert completion.response["stopReason"] == "max_tokens"
    assert completion.usage is not None
    assert completion.usage.output_tokens == 5


@pytest.mark.local_model
def test_a_stop_sequence_ends_the_answer_before_it(local: GgufProvider) -> None:
    story = request("Tell a long story.", inferenceConfig={"maxTokens": 24})
    text = text_of(complete(local, story)[0].response)
    word = text.split()[4]
    stopped = request(
        "Tell a long story.", inferenceConfig={"maxTokens": 24, "stopSequences": [word]}
    )
    (completion,) = complete(local, stopped)
    assert text_of(completion.response) == text[: text.index(word)]
    assert completion.response["stopReason"] == "end_turn"


@pytest.mark.local_model
def test_requests_at_once_follow_the_schema_on_one_line(local: GgufProvider) -> None:
    reviews = [
        ("I love it, wonderful shoes!", "positive"),
        ("Terrible, it broke after a day.", "negative"),
        ("Great value, arrived early!", "positive"),
        ("The worst purchase I have made.", "negative"),
        ("My kids adore it.", "positive"),
        ("Delightful and sturdy.", "positive"),
    ]
    asked = [
        request(
            f"Is the sentiment of this review positive or negative? {review}",
            inferenceConfig={"maxTokens": 16},
            outputConfig={"textFormat": text_format(SENTIMENT)},
        )
        for review, _ in reviews
    ]
    completions = complete(local, *asked)
    assert len(completions) == len(reviews)
    for completion in completions:
        text = text_of(completion.response)
        label = json.loads(text)["label"]
        assert text == json.dumps({"label": label})
        assert label in ("positive", "negative")
        assert completion.response["stopReason"] == "end_turn"
        assert completion.usage is not None
        assert completion.usage.output_tokens < 13


@pytest.mark.local_model
def test_a_schema_that_llama_cpp_would_ignore_is_refused(local: GgufProvider) -> None:
    schema = {"type": "string", "pattern": "^(?=a)b$"}
    with pytest.raises(Rejected, match="cannot follow the output schema"):
        complete(
            local,
            request(
                "Say hello.",
                inferenceConfig={"maxTokens": 64},
                outputConfig={"textFormat": text_format(schema)},
            ),
        )


@pytest.mark.local_model
def test_a_prompt_longer_than_the_context_is_refused(local: GgufProvider) -> None:
    with pytest.raises(Rejected, match=r"has \d+ tokens, and model .* has a context of 1024"):
        complete(local, request("word " * 2_000))


@pytest.mark.local_model
def test_a_raw_request_is_answered_in_its_familys_form(local: GgufProvider) -> None:
    body = {"inputText": "Say hello.", "textGenerationConfig": {"maxTokenCount": 8}}
    raw = ProviderRequest(DEFAULT_MODEL, RequestType.RAW, body)
    (completion,) = complete(local, raw)
    (result,) = completion.response["results"]
    assert result["outputText"]
    assert completion.response["inputTextTokenCount"] > 0
    assert completion.usage is not None
    assert completion.usage.output_tokens <= 8


@pytest.mark.local_model
def test_a_timeout_leaves_the_model_usable(local: GgufProvider) -> None:
    endless = request(
        "Count.",
        timeout_s=0.2,
        inferenceConfig={"maxTokens": 900},
        additionalModelRequestFields={"ignore_eos": True},
    )
    with pytest.raises(TimedOut, match=r"no complete answer in 0\.2 s"):
        complete(local, *[endless] * 4)
    assert complete(local, request("Hi", inferenceConfig={"maxTokens": 2}))[0].usage is not None


@pytest.mark.local_model
def test_an_answer_that_nobody_waits_for_ends_at_its_next_token() -> None:
    model = LoadedModel(find_model(DEFAULT_MODEL), LoadOptions(slots=1, context=512, threads=1))
    chat = {
        "messages": [{"role": "user", "content": "Count."}],
        "max_tokens": 400,
        "ignore_eos": True,
    }
    stop = threading.Event()
    stop.set()
    assert len(model.ask(chat, stop)) == 1
    model.close()


@pytest.mark.local_model
def test_a_model_is_found_by_its_path_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    whole = find_model(DEFAULT_MODEL)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(whole.read_bytes()[:1_000_000])
    provider = make(slots=1, context=256)

    def ask(path: Path) -> Completion:
        asked = request("Hi", inferenceConfig={"maxTokens": 2})._replace(model_id=str(path))
        return complete(provider, asked)[0]

    with pytest.raises(ModelNotFound, match="cannot be loaded"):
        ask(damaged)
    assert ask(whole).usage is not None
    asyncio.run(provider.close())


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    setup = """
        import asyncio, os, signal, threading
        from outcrop.providers.base import ProviderConfig, ProviderRequest, RequestType
        from outcrop.providers.gguf import build
        provider = build(ProviderConfig("local", "gguf", {"slots": 2, "context": 512}))
        def request(limit):
            body = {"messages": [{"role": "user", "content": [{"text": "Tell a story."}]}],
                    "inferenceConfig": {"maxTokens": limit},
                    "additionalModelRequestFields": {"ignore_eos": True}}
            return ProviderRequest("smollm2-135m-instruct", RequestType.UNIFIED, body)
    """
    text = textwrap.dedent(setup) + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.local_model
def test_the_process_ends_cleanly_and_llama_cpp_prints_nothing() -> None:
    ran = run_script("""
        async def main():
            await asyncio.gather(*[provider.complete(request(4)) for _ in range(3)])
            loaded = len(os.listdir("/proc/self/task"))
            await provider.close()
            await provider.close()
            print(threading.active_count(), loaded - len(os.listdir("/proc/self/task")))
        asyncio.run(main())
    """)
    assert (ran.returncode, ran.stderr) == (0, "")
    left, ended = map(int, ran.stdout.split())
    assert left == 1
    # llama.cpp has its loop, its workers and a pool for HTTP; its log lives as long as the process.
    assert ended >= 5


@pytest.mark.local_model
def test_a_process_that_forgets_to_close_ends_all_the_same() -> None:
    ran = run_script("""
        asyncio.run(provider.complete(request(4)))
        print("done")
    """)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")


@pytest.mark.local_model
def test_ctrl_c_is_still_the_programs_own_and_close_ends_what_is_under_way() -> None:
    ran = run_script("""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
        async def main():
            await provider.complete(request(1))
            asked = asyncio.create_task(provider.complete(request(400)))
            await asyncio.sleep(0.2)
            try:
                os.kill(os.getpid(), signal.SIGINT)
                await asked
            finally:
                await provider.close()
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "interrupted\n", "")
