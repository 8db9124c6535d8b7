"""A language model as a reader of sentences (extra ``llm``): asked with a briefing, within bounds, and never the last
word on safety. Which model is said by the environment only: see ``MODEL``, ``URL`` and ``KEY``."""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from cells.errors import CellwrightError, Problem
from cells.language.interpreter import MOST_CHARACTERS
from cells.language.llm_answer import Clarify, Plan, Refuse, reading_of
from cells.language.llm_prompt import RULES, Briefing, prompt
from cells.language.reading import Question, Reading, Refusal, as_json

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response
    from pydantic_ai.models import Model

__all__ = ["Briefing", "ModelFailed", "Note", "interpret_with_model", "read"]

MODEL = "CELLWRIGHT_LLM_MODEL"  # openai:<model> or anthropic:<model>
URL = "CELLWRIGHT_LLM_URL"  # base URL of another server that speaks the provider's protocol
KEY = "CELLWRIGHT_LLM_KEY"  # needless where URL names a server that asks for none
HOMES = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
SECONDS = 20.0
TRIES = 3  # an answer that isn't valid goes back to the model twice
MOST_TOKENS = 4096  # of an answer: twenty steps take 2000, the rest is for models that think first
MOST_BYTES = 256 * 1024  # of all answers to one sentence
HALTS = ("stop", "pause", "cancel")
GOES_ON = ("resume", "repeat")


class ModelFailed(CellwrightError):
    """The model gave no reading. ``reason`` says why in a few words, in which nothing stands that a server sent."""

    def __init__(self, reason: str, remedy: str = "the offline interpreter reads without it") -> None:
        self.reason = reason
        super().__init__(Problem("language model", reason, remedy))


@dataclass(frozen=True, slots=True)
class Note:
    """Whose a reading is: ``source`` offline, model, both, or neither (they differ); ``reason`` says why it isn't the
    model's; ``proposed`` is what the model read, if it was asked and answered."""

    source: str
    reason: str = ""
    proposed: Reading | None = None


def interpret_with_model(
    text: str, language: str, briefing: Briefing, offline: Reading, agree: bool, seconds: float = SECONDS
) -> tuple[Reading, Note]:
    """The reading of a sentence with the model's help, given the offline one; never raises ``ModelFailed``.

    The rules of safety: (a) what halts or is refused offline stands, and the model isn't asked; (b) nothing is resumed
    or repeated that the offline interpreter doesn't read just so; (c) a reading of the model is of the same types, in
    the same names, as an offline one, and whatever else it answers is as if it hadn't. With ``agree``, steps are taken
    only where both read the same.
    """
    if isinstance(offline, Refusal) or _controls(offline, HALTS):
        return offline, Note("offline", "what halts or is refused needs no second reader")
    try:
        proposed = read(text, language, briefing, seconds)
    except ModelFailed as failed:
        return offline, Note("offline", failed.reason)
    if as_json(proposed) == as_json(offline):
        return offline, Note("both", proposed=proposed)
    if _controls(proposed, GOES_ON):
        return offline, Note("offline", "the model wants to go on where the sentence doesn't say so", proposed)
    if not agree:
        return proposed, Note("model", proposed=proposed)
    if isinstance(offline, Question):
        return offline, Note("offline", "the offline interpreter asks", proposed)
    return Question("disagree", text[:80]), Note("neither", "the two readings differ", proposed)


def _controls(reading: Reading, actions: tuple[str, ...]) -> bool:
    return isinstance(reading, tuple) and any(
        step.skill == "control" and step.params.get("action") in actions for step in reading
    )


def read(text: str, language: str, briefing: Briefing, seconds: float = SECONDS) -> Reading:
    """The model's reading of a sentence, not yet held against the rules of safety. ``language``: en, de, zh or auto.

    Raises ``ModelFailed`` for everything that can go wrong, after ``seconds`` at the latest (and the seconds that it
    takes to load the client, once).
    """
    if len(text) > MOST_CHARACTERS:
        raise ModelFailed("the sentence is too long")
    server = _Server.of_environment()
    try:
        import_module(f"pydantic_ai.models.{server.provider}")
    except ImportError:
        raise ModelFailed("its client isn't installed", "pip install 'cellwright[llm]'") from None
    answers: SimpleQueue[Reading | ModelFailed] = SimpleQueue()

    def ask() -> None:
        answers.put(_answer(server, text, language, briefing, seconds))

    # In a thread of its own, because a name server that hangs would keep asyncio from ending in time.
    Thread(target=ask, name="language model", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        answer = _late(seconds)
    if isinstance(answer, ModelFailed):
        raise answer
    return answer


@dataclass(frozen=True, slots=True)
class _Server:
    provider: str
    model: str
    url: str
    key: str = field(repr=False)

    @staticmethod
    def of_environment() -> _Server:
        """What the environment says. Raises ``ModelFailed`` where that's nothing, or no provider that is known."""
        provider, _, model = os.environ.get(MODEL, "").partition(":")
        if provider not in HOMES or not model:
            raise ModelFailed(f"{MODEL} names none", "set it to openai:<model> or anthropic:<model>")
        url, key = os.environ.get(URL, ""), os.environ.get(KEY, "")
        if not key and not url:
            raise ModelFailed(f"{KEY} is not set", f"set it, or {URL} to a server that needs none")
        return _Server(provider, model, url or HOMES[provider], key)


class _Guard:
    """Holds what a server sends within bounds. ``why`` there is no reading, as far as it is known."""

    def __init__(self) -> None:
        self.left, self.why = MOST_BYTES, "the server can't be reached"

    async def __call__(self, response: Response) -> None:
        """Read a response's body, or raise: no byte too many, none that would swell, and none of an error, which may
        quote the key."""
        from httpx2 import AsyncByteStream, ByteStream

        if response.status_code != 200:
            self._stop(f"the server answered with status {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            self._stop("the server compressed its answer unasked")
        body = bytearray()
        assert isinstance(response.stream, AsyncByteStream)
        async for chunk in response.stream:
            self.left -= len(chunk)
            if self.left < 0:
                self._stop(f"the answer is longer than {MOST_BYTES} bytes")
            body += chunk
        await response.stream.aclose()
        response.stream = ByteStream(bytes(body))
        self.why = "no valid answer"

    def _stop(self, why: str) -> None:
        self.why = why
        raise OSError(why)


def _answer(server: _Server, text: str, language: str, briefing: Briefing, seconds: float) -> Reading | ModelFailed:
    """What came of asking. An error is handed back, not raised: its causes hold what the server sent."""
    from pydantic_ai.exceptions import AgentRunError

    for name in ("openai", "anthropic", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below that they log headers and URLs
    warnings.filterwarnings("ignore", "Sampling parameters")  # a model without a temperature is no news
    guard = _Guard()
    try:
        return asyncio.run(_ask(server, text, language, briefing, guard, seconds))
    except TimeoutError:
        return _late(seconds)
    except (AgentRunError, OSError):
        return ModelFailed(guard.why)
    except Exception as error:
        return ModelFailed(f"its client failed ({type(error).__name__})")


def _late(seconds: float) -> ModelFailed:
    return ModelFailed(f"no answer within {seconds:g} s")


async def _ask(server: _Server, text: str, language: str, briefing: Briefing, guard: _Guard, seconds: float) -> Reading:
    from httpx2 import AsyncClient
    from pydantic_ai import Agent, ModelRetry
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.usage import UsageLimits

    def checked(answer: Plan | Clarify | Refuse) -> Plan | Clarify | Refuse:
        try:
            reading_of(answer, text, briefing)
        except ValueError as error:
            raise ModelRetry(str(error)) from None
        return answer

    headers = {"Accept-Encoding": "identity"}
    async with AsyncClient(event_hooks={"response": [guard]}, timeout=None, headers=headers) as http:
        agent: Agent[object, Plan | Clarify | Refuse] = Agent(
            _model(server, http),
            output_type=[Plan, Clarify, Refuse],
            instructions=RULES,
            retries={"output": TRIES - 1},
            # What a model doesn't take is left out. An operator waits: little thought, and no failed request twice.
            model_settings=ModelSettings(
                temperature=0, max_tokens=MOST_TOKENS, thinking=False, max_retries=0, parallel_tool_calls=False
            ),
        )
        agent.output_validator(checked)
        limits = UsageLimits(request_limit=TRIES)
        run = await agent.run(prompt(text, language, briefing), usage_limits=limits, timeout=seconds)
        return reading_of(run.output, text, briefing)


def _model(server: _Server, http: AsyncClient) -> Model:
    """The model by its client; everything is passed on explicitly, so that no other variable of the environment says
    where a key goes."""
    if server.provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        anthropic = AnthropicProvider(api_key=server.key or "none", base_url=server.url, http_client=http)
        return AnthropicModel(server.model, provider=anthropic)
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    if server.url == HOMES["openai"]:
        return OpenAIChatModel(server.model, provider=OpenAIProvider(server.url, server.key, http_client=http))
    other = OpenAICompatibleProvider("other", base_url=server.url, api_key=server.key, http_client=http)
    return OpenAIChatModel(server.model, provider=other)
