"""Throughput under a quota that nobody has told, against a client that knows it.

One side is a statement in a new warehouse, whose limiter finds the quota by what is refused. The
other keeps a bucket just like the service's, so that it rides the quota exactly; it is told each
change. Both ask the same emulator at the same time, each for a model of its own with the same
quota. The emulator, another process, is the judge: its ledger is read every 50 ms.

Then two statements race in the same way: one whose model has no MAX_TOKENS, so that the limit of
its answers is chosen by those so far, and one whose model is given the default.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from benchmarks.emulated import REGION, aws_keys, counts_by_model, emulator, put_quotas
from benchmarks.report import Report, Target, milliseconds, ratio, seconds
from benchmarks.workload import create_notes, create_numbers, open_session, open_warehouse, run
from outcrop.errors import QueryCanceled
from outcrop.providers.burndown import burndown_of
from outcrop.providers.sigv4 import AwsKeys, Signer, make_target
from outcrop.session import Session
from outcrop.settings import SETTINGS

NAME = "quota"

LATENCY_MS = 200
CALLS = 2_000
WARM_UP = 0.1
SAMPLE_S = 0.05
MAX_TOKENS = 200
MAX_TOKENS_DEFAULT = int(str(SETTINGS["outcrop.max_tokens_default"].default))
# Output tokens count five times for both, so that what is settled differs from what is reserved.
MODELS = {
    "ours": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "peer": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
REQUESTS_A_S = 40.0
TOKENS_A_MINUTE = 400_000.0
BURST_S = 1.0
RATIO_LEAST, THROTTLED_MOST = 0.95, 3.0

# The longer an answer takes, the longer its limit keeps quota from other requests.
LONG_LATENCY_MS = 1_000
UNSET_LEAST = 1.5

# The job beside which one row is asked for, and how often.
JOB_ROWS, JOB_WARM_UP_CALLS, QUESTIONS = 10_000, 400, 15
QUESTION_MOST = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """One quota, and by what it is multiplied at each third of the calls."""

    title: str
    quota: str
    amount: float
    thirds: Sequence[float]


CASES = (
    Case("requests", "rps", REQUESTS_A_S, (1, 1, 1)),
    Case("requests, which halve and double", "rps", REQUESTS_A_S, (1, 0.5, 1)),
    Case("tokens", "tpm", TOKENS_A_MINUTE, (1, 1, 1)),
    Case("tokens, which halve and double", "tpm", TOKENS_A_MINUTE, (1, 0.5, 1)),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What one side came to. The figures but `failed` leave the warm-up out."""

    calls_a_s: float
    throttled: float
    failed: int


def measure(*, is_quick: bool) -> Report:
    """Run both sides under each quota, and the question beside the job."""
    calls = 60 if is_quick else CALLS
    rows: list[tuple[str, ...]] = []
    targets: list[Target] = []
    questions, warm_up = (3, 20) if is_quick else (QUESTIONS, JOB_WARM_UP_CALLS)
    with aws_keys():
        for case in CASES:
            ours, peer = _compete(case, calls)
            reached = ours.calls_a_s / peer.calls_a_s
            rows += (
                _row(f"{case.title}: a client that knows", peer),
                _row(f"{case.title}: SELECT ask(body)", ours, ratio(reached)),
            )
            targets += (
                Target(f"{case.title}: throughput", reached, RATIO_LEAST),
                Target(
                    f"{case.title}: throttled", 100 * ours.throttled, most=THROTTLED_MOST, unit=" %"
                ),
                Target(f"{case.title}: failed rows", ours.failed, most=0.0, unit=""),
            )
        unset, default = _compare_limits(60 if is_quick else CALLS // 2)
        alone, beside = _ask_beside_a_job(questions, warm_up)
    gained = unset.calls_a_s / default.calls_a_s
    slower = statistics.median(beside) / statistics.median(alone)
    rows += (
        _row(f"tokens: MAX_TOKENS {MAX_TOKENS_DEFAULT}", default),
        _row("tokens: no MAX_TOKENS", unset, ratio(gained)),
        ("one row, alone", "", "", "", milliseconds(statistics.median(alone))),
        ("one row beside a job", "", "", ratio(slower), milliseconds(statistics.median(beside))),
    )
    targets.append(Target("tokens: no MAX_TOKENS, to the default", gained, UNSET_LEAST))
    targets.append(Target("one row beside a job, to its time alone", slower, most=QUESTION_MOST))
    return Report(
        "Throughput under an unknown quota against a client that knows it",
        (
            f"{calls:,} distinct calls on each side, both at the same time, {LATENCY_MS} ms a "
            f"call, quota of {REQUESTS_A_S:g}",
            f"requests/s or {TOKENS_A_MINUTE:,.0f} tokens/min whose bucket holds {BURST_S:g} s' "
            "worth. Of both sides the first",
            f"{WARM_UP:.0%} of the calls are left out. With and without MAX_TOKENS: "
            f"{LONG_LATENCY_MS:,} ms a call. A row beside a job: medians of {questions}; "
            f"the slowest took {seconds(max(beside))}.",
        ),
        ("", "calls a second", "throttled", "ratio", "latency"),
        rows,
        targets,
    )


def _row(what: str, result: Result, compared: str = "") -> tuple[str, ...]:
    return what, f"{result.calls_a_s:.2f}", f"{result.throttled:.2%}", compared, ""


def _prompts(salt: str) -> str:
    """Return the SQL of prompts of 25 to 125 tokens, as `_prompt` makes them."""
    return f"'{salt} ' || n || ', ' || repeat('a word, ', 10 + n % 50)"


def _prompt(salt: str, number: int) -> str:
    return f"{salt} {number}, " + "a word, " * (10 + number % 50)


class Bucket:
    """What the service keeps, as a client that knows the quota mirrors it."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._per_s = per_s
        self._level = 0.0
        self._filled_s = clock()

    def change(self, per_s: float) -> None:
        """Go on at another rate."""
        self._fill()
        self._per_s = per_s

    def take(self, amount: float) -> float:
        """Take `amount`, or give a negative one back; return the seconds until it is there."""
        self._fill()
        self._level -= amount
        return max(0.0, -self._level) / self._per_s

    def _fill(self) -> None:
        now_s = self._clock()
        level = self._level + (now_s - self._filled_s) * self._per_s
        self._level, self._filled_s = min(level, self._per_s * BURST_S), now_s


@dataclass
class Peer:
    """The client that knows the quota, and sends exactly as much as that lets it."""

    url: str
    calls: int
    bucket: Bucket
    counts_tokens: bool
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Send all calls; one that is throttled is sent again."""
        self._signer = Signer(AwsKeys("dev", "dev"), REGION)
        self._target = make_target(URL(self.url), MODELS["peer"], "converse")
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as client:
            for number in range(self.calls):
                prompt = _prompt("note", number)
                tokens = -(-len(prompt) // 4)
                await self._take(tokens + MAX_TOKENS)
                task = asyncio.create_task(self._ask(client, prompt, tokens + MAX_TOKENS))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.gather(*self._tasks)

    async def _take(self, tokens: float) -> None:
        await asyncio.sleep(self.bucket.take(tokens if self.counts_tokens else 1.0))

    async def _ask(self, client: aiohttp.ClientSession, prompt: str, reserved: float) -> None:
        body = json.dumps(
            {
                "messages": [{"role": "user", "content": [{"text": prompt}]}],
                "inferenceConfig": {"maxTokens": MAX_TOKENS},
            }
        ).encode()
        while True:
            headers = self._signer.sign(self._target, body, time.time())
            async with client.post(self._target.url, data=body, headers=headers) as response:
                answer = json.loads(await response.read())
            if response.status == 200:
                break
            await self._take(reserved)
        if self.counts_tokens:
            usage = answer["usage"]
            used = usage["inputTokens"] + usage["outputTokens"] * burndown_of(MODELS["peer"])
            self.bucket.take(used - reserved)


@dataclass(frozen=True, slots=True)
class Sample:
    """The ledger of one model at one moment."""

    at_s: float
    paid: int
    throttled: int


class Judge(threading.Thread):
    """Reads the ledger, and changes the quotas, until both sides have their answers."""

    def __init__(self, url: str, case: Case, calls: int, bucket: Bucket) -> None:
        super().__init__(name="judge")
        self._url = url
        self._case = case
        self._calls = calls
        self._bucket = bucket
        self._thirds = dict.fromkeys(MODELS, 0)
        self._told_to_stop = threading.Event()
        self.samples: dict[str, list[Sample]] = {side: [] for side in MODELS}

    def run(self) -> None:
        """Look every `SAMPLE_S`."""
        while not all(s and s[-1].paid >= self._calls for s in self.samples.values()):
            counts = counts_by_model(self._url)
            now_s = time.monotonic()
            for side, model_id in MODELS.items():
                if model_id in counts:
                    of_model = counts[model_id]
                    sample = Sample(now_s, of_model["paid"], of_model["throttled"])
                    self.samples[side].append(sample)
                    self._change(side, sample.paid)
            if self._told_to_stop.wait(SAMPLE_S):
                break

    def stop(self) -> None:
        """Look no longer."""
        self._told_to_stop.set()
        self.join()

    def _change(self, side: str, paid: int) -> None:
        third = min(paid * 3 // self._calls, 2)
        before, self._thirds[side] = self._thirds[side], third
        factors = self._case.thirds
        if factors[before] == factors[third]:
            return
        put_quotas(self._url, _quotas(self._case, self._thirds))
        if side == "peer":
            self._bucket.change(_per_s(self._case) * factors[third])

    def result(self, side: str, failed: int) -> Result:
        """Return what a side came to."""
        samples = self.samples[side]
        first = next(s for s in samples if s.paid >= self._calls * WARM_UP)
        last = next((s for s in samples if s.paid >= self._calls), samples[-1])
        paid, throttled = last.paid - first.paid, last.throttled - first.throttled
        return Result(paid / (last.at_s - first.at_s), throttled / (paid + throttled), failed)


def _quotas(case: Case, thirds: dict[str, int]) -> dict[str, float]:
    return {
        f"{case.quota}@{MODELS[side]}": case.amount * case.thirds[third]
        for side, third in thirds.items()
    }


def _per_s(case: Case) -> float:
    return case.amount / (60 if case.quota == "tpm" else 1)


def _compete(case: Case, calls: int) -> tuple[Result, Result]:
    """Run both sides under one quota; return their results."""
    options = [f"--latency-ms={LATENCY_MS}", f"--burst={case.quota}={BURST_S}"]
    options += [f"--quota={k}={v}" for k, v in _quotas(case, dict.fromkeys(MODELS, 0)).items()]
    with ExitStack() as stack:
        url = stack.enter_context(emulator(*options))
        session = stack.enter_context(open_session(_config(url)))
        _create_model(session, "ours", MAX_TOKENS)
        create_notes(session, calls, _prompts("note"))
        bucket = Bucket(_per_s(case))
        peer = Peer(url, calls, bucket, case.quota == "tpm")
        thread = threading.Thread(target=lambda: asyncio.run(peer.run()), name="peer")
        judge = Judge(url, case, calls, bucket)
        judge.start()
        stack.callback(judge.stop)
        thread.start()
        [(answered,)] = run(session, "SELECT count(ask(body)) FROM notes")
        thread.join()
        judge.join()
    return judge.result("ours", calls - answered), judge.result("peer", 0)


def _config(url: str) -> dict[str, object]:
    return {"providers": {"bedrock": {"endpoint_url": url, "region": REGION}}}


def _create_model(session: Session, side: str, max_tokens: int | None) -> None:
    limit = "" if max_tokens is None else f", MAX_TOKENS {max_tokens}"
    session.execute("SET outcrop.on_error TO 'null'")  # to count the rows that fail
    session.execute(
        "CREATE EXTERNAL MODEL asked FUNCTION ask IAM_ROLE default MODEL_TYPE BEDROCK "
        f"SETTINGS (MODEL_ID '{MODELS[side]}'{limit})"
    )


def _compare_limits(calls: int) -> tuple[Result, Result]:
    """Run a statement without MAX_TOKENS and one with the default; return their results."""
    case = Case("limits", "tpm", TOKENS_A_MINUTE, (1, 1, 1))
    options = [f"--latency-ms={LONG_LATENCY_MS}", f"--burst={case.quota}={BURST_S}"]
    options += [f"--quota={case.quota}={case.amount}"]
    limits = {"ours": None, "peer": MAX_TOKENS_DEFAULT}
    with ExitStack() as stack:
        url = stack.enter_context(emulator(*options))
        judge = Judge(url, case, calls, Bucket(_per_s(case)))
        stack.callback(judge.stop)
        threads = []
        for side, max_tokens in limits.items():
            session = stack.enter_context(open_session(_config(url)))
            _create_model(session, side, max_tokens)
            create_notes(session, calls, _prompts("note"))
            arguments = (session, "SELECT count(ask(body)) FROM notes")
            threads.append(threading.Thread(target=run, args=arguments, name=side))
        for thread in (judge, *threads):
            thread.start()
        for thread in (*threads, judge):
            thread.join()
    return judge.result("ours", 0), judge.result("peer", 0)


def _ask_beside_a_job(questions: int, warm_up: int) -> tuple[list[float], list[float]]:
    """Return the latencies of questions of one row, alone and beside the job of another session."""
    options = (f"--latency-ms={LATENCY_MS}", f"--quota=rps={REQUESTS_A_S}")
    with emulator(*options) as url, open_warehouse(_config(url)) as warehouse:
        job, session = warehouse.open_session(), warehouse.open_session()
        create_numbers(job)
        _create_model(job, "ours", MAX_TOKENS)
        create_notes(job, JOB_ROWS, _prompts("job"))
        _ask_once(session, "warm up")
        alone = [_ask_once(session, f"alone {number}") for number in range(questions)]
        thread = threading.Thread(target=_run_until_canceled, args=(job,), name="job")
        thread.start()
        while counts_by_model(url)[MODELS["ours"]]["paid"] < warm_up:
            time.sleep(SAMPLE_S)
        beside = [_ask_once(session, f"beside {number}") for number in range(questions)]
        job.cancel()
        thread.join()
    return alone, beside


def _ask_once(session: Session, question: str) -> float:
    started = time.perf_counter()
    [(answer,)] = run(session, f"SELECT ask('{question}')")
    assert answer is not None
    return time.perf_counter() - started


def _run_until_canceled(session: Session) -> None:
    try:
        run(session, "SELECT count(ask(body)) FROM notes")
    except QueryCanceled:
        return
