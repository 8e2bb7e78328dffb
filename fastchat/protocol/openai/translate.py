"""OpenAI requests as generation requests. No I/O; every refusal names the field at fault."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastchat.core.chat import Chat
from fastchat.core.constraints import Constraint, Grammar, JsonSchema, OneOf, Regex
from fastchat.core.errors import InvalidRequest, OutOfRange
from fastchat.core.generation import GenerationRequest, Prompt, Sampling
from fastchat.protocol.checks import MAX_TOP_LOGPROBS, checked, given, refuse, stop_words, within
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.messages import choice_of, function_of, messages_of, tools_of
from fastchat.protocol.openai.requests import (
    ChatRequest,
    CompletionRequest,
    Generation,
)

DEFAULT_TEMPERATURE = 0.7
DEFAULT_COMPLETION_TOKENS = 16
MAX_CHOICES = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The generations that one request asks for, one a choice, in the order of their index.
    `functions`: who asked knows calls of functions only, as they were before tools."""

    requests: tuple[GenerationRequest, ...]
    stream: bool
    include_usage: bool
    echo: bool = False
    functions: bool = False


def chat_plan(request: ChatRequest, id: str) -> Plan:
    refuse(
        request.model,
        modalities=[m for m in request.modalities or () if m != "text"],
    )
    prompt, said_before = _chat_prompt(request)
    first = _generation(
        request,
        id,
        prompt=prompt,
        max_tokens=_max_tokens(request.max_completion_tokens, "max_completion_tokens")
        or _max_tokens(request.max_tokens, "max_tokens"),
        logprobs=_chat_logprobs(request),
    )
    plan = _plan(request, [replace(first, continue_from=said_before + first.continue_from)])
    return replace(plan, functions=bool(request.functions))


def completion_plan(request: CompletionRequest, id: str) -> Plan:
    best_of = request.best_of if request.best_of not in (None, 1, request.n) else None
    echo = bool(request.echo)
    scores = echo and request.logprobs is not None
    refuse(
        request.model,
        best_of=best_of,
        use_beam_search=request.use_beam_search,
        echo_of_token_ids_without_logprobs=echo and not scores and not _is_text(request.prompt),
        echo_with_suffix=echo and bool(request.suffix),
    )
    if request.logprobs is not None:
        within("logprobs", request.logprobs, 0, MAX_TOP_LOGPROBS)
    least = 0 if scores else 1
    max_tokens = _max_tokens(request.max_tokens, "max_tokens", least)
    generations = [
        _generation(
            request,
            id,
            prompt=prompt,
            max_tokens=DEFAULT_COMPLETION_TOKENS if max_tokens is None else max_tokens,
            logprobs=request.logprobs,
        )
        for prompt in _prompts(request)
    ]
    if scores:
        generations = [replace(one, prompt_logprobs=request.logprobs) for one in generations]
    if request.suffix:
        generations = [replace(one, suffix=request.suffix) for one in generations]
    return replace(_plan(request, generations), echo=echo)


def _plan(request: Generation, generations: Sequence[GenerationRequest]) -> Plan:
    n = 1 if request.n is None else request.n
    within("n", n, 1, MAX_CHOICES)
    if request.continued is not None and n * len(generations) > 1:
        raise InvalidRequest("continued: of several choices none can go on", param="continued")
    if n * len(generations) > MAX_CHOICES:
        raise OutOfRange(f"{n * len(generations)} choices are more than {MAX_CHOICES}", param="n")
    return Plan(
        requests=tuple(_varied(one, choice) for one in generations for choice in range(n)),
        stream=bool(request.stream),
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
    )


def _varied(request: GenerationRequest, choice: int) -> GenerationRequest:
    """The choices of one seeded request differ from each other, and each can be repeated."""
    seed = request.sampling.seed
    if seed is None or choice == 0:
        return request
    return replace(request, sampling=replace(request.sampling, seed=(seed + choice) % 2**32))


def _generation(
    request: Generation, id: str, *, prompt: Prompt, max_tokens: int | None, logprobs: int | None
) -> GenerationRequest:
    refuse(
        request.model,
        min_tokens=request.min_tokens,
        ignore_eos=request.ignore_eos,
    )
    return GenerationRequest(
        id=id,
        model=request.model,
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=_sampling(request),
        stop=stop_words(request.stop),
        stop_token_ids=tuple(request.stop_token_ids or ()),
        logprobs=logprobs,
        constraint=_constraint(request),
        continue_from=request.continued.text if request.continued else "",
        resumed=request.continued.text if request.continued else None,
    )


def _sampling(request: Generation) -> Sampling:
    top_k = None if request.top_k == -1 else request.top_k
    if top_k is not None and top_k < 1:
        raise OutOfRange(f"{top_k} is out of Range. Either set top_k to -1 or >=1.", param="top_k")
    return checked(
        Sampling(
            temperature=given(request.temperature, DEFAULT_TEMPERATURE),
            top_p=given(request.top_p, 1.0),
            top_k=top_k,
            min_p=given(request.min_p, 0.0),
            presence_penalty=given(request.presence_penalty, 0.0),
            frequency_penalty=given(request.frequency_penalty, 0.0),
            repetition_penalty=given(request.repetition_penalty, 1.0),
            seed=None if request.seed is None else request.seed % 2**32,
            logit_bias=_logit_bias(request.logit_bias),
        )
    )


def _chat_prompt(request: ChatRequest) -> tuple[Prompt, str]:
    """And the answer so far, when there is one to be continued."""
    if isinstance(request.messages, str) and request.messages:
        return request.messages, ""
    chat = _chat(request)
    if not request.continue_final_message:
        return chat, ""
    *before, last = chat.messages
    if last.role != "assistant" or last.tool_calls or not before:
        raise InvalidRequest(
            "continue_final_message: the last message must be the assistant's, after another",
            param="continue_final_message",
        )
    return replace(chat, messages=tuple(before)), last.text


def _chat(request: ChatRequest) -> Chat:
    messages = [] if isinstance(request.messages, str) else request.messages
    tools = tools_of(request.tools or (), model=request.model)
    if request.functions and tools:
        raise InvalidRequest("functions: tools say the same", param="functions")
    if request.functions or request.function_call is not None:
        tools = tuple(function_of(one) for one in request.functions or ())
        choice = choice_of(request.function_call, tools, "function_call")
    else:
        choice = choice_of(request.tool_choice, tools, "tool_choice")
    one_at_a_time = request.parallel_tool_calls is False or bool(request.functions)
    return Chat(
        messages_of(messages, model=request.model),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=not one_at_a_time,
        reasoning_effort=request.reasoning_effort,
    )


def _prompts(request: CompletionRequest) -> list[Prompt]:
    prompt = request.prompt
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise InvalidRequest("prompt: at least one prompt is needed", param="prompt")
    ids = tuple(item for item in prompt if isinstance(item, int))
    if ids and len(ids) < len(prompt):
        raise InvalidRequest("prompt: token ids and prompts cannot be mixed", param="prompt")
    if ids:
        return [ids]
    return [item if isinstance(item, str) else tuple(item) for item in prompt]  # type: ignore[arg-type]  # no int left


def _is_text(prompt: str | list[str | int | list[int]]) -> bool:
    return isinstance(prompt, str) or all(isinstance(item, str) for item in prompt)


def _chat_logprobs(request: ChatRequest) -> int | None:
    if request.top_logprobs is not None:
        within("top_logprobs", request.top_logprobs, 0, MAX_TOP_LOGPROBS)
        if not request.logprobs:
            raise InvalidRequest("top_logprobs needs logprobs: true", param="top_logprobs")
    return (request.top_logprobs or 0) if request.logprobs else None


def _constraint(request: Generation) -> Constraint | None:
    found: dict[str, Constraint] = {}
    if (wanted := _response_format(request)) is not None:
        found["response_format"] = wanted
    if (guided := request.guided_json) is not None:
        found["guided_json"] = JsonSchema(_parsed(guided) if isinstance(guided, str) else guided)
    if request.guided_regex is not None:
        found["guided_regex"] = Regex(request.guided_regex)
    if request.guided_choice is not None:
        found["guided_choice"] = OneOf(_choices(request.guided_choice))
    if request.guided_grammar is not None:
        found["guided_grammar"] = Grammar(request.guided_grammar)
    if len(found) > 1:
        *_, last = found
        raise InvalidRequest(f"{' and '.join(found)}: only one can be followed", param=last)
    return next(iter(found.values()), None)


def _choices(texts: Sequence[str]) -> tuple[str, ...]:
    if not any(texts):
        raise InvalidRequest("guided_choice: at least one text is needed", param="guided_choice")
    return tuple(dict.fromkeys(texts))


def _response_format(request: Generation) -> JsonSchema | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return JsonSchema({})
    said = wanted.json_schema
    if said is None:
        raise InvalidRequest(
            "response_format.json_schema is missing", param="response_format.json_schema"
        )
    return JsonSchema(said.schema, said.name, said.strict)


def _parsed(schema: str) -> dict[str, object]:
    try:
        return decode(schema.encode(), dict)
    except InvalidRequest as error:
        raise InvalidRequest(f"guided_json: {error.message}", param="guided_json") from None


def _logit_bias(bias: dict[str, float] | None) -> dict[int, float]:
    found = {}
    for token, value in (bias or {}).items():
        if not (token.isascii() and token.isdecimal() and len(token) < 10):
            raise InvalidRequest(f"logit_bias: {token!r} is not a token id", param="logit_bias")
        found[int(token)] = value
    return found


def _max_tokens(value: int | None, name: str, least: int = 1) -> int | None:
    if value is not None:
        within(name, value, least, None)
    return value
