"""OpenAI requests as generation requests. No I/O; every refusal names the field at fault."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastchat.core.errors import InvalidRequest, OutOfRange, Unsupported
from fastchat.core.generation import Chat, GenerationRequest, Message, Prompt, Sampling
from fastchat.protocol.checks import MAX_TOP_LOGPROBS, checked, given, refuse, stop_words, within
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import (
    ChatMessage,
    ChatRequest,
    CompletionRequest,
    Generation,
    Part,
    TextPart,
)

DEFAULT_TEMPERATURE = 0.7
DEFAULT_COMPLETION_TOKENS = 16
MAX_CHOICES = 128

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The generations that one request asks for, one a choice, in the order of their index."""

    requests: tuple[GenerationRequest, ...]
    stream: bool
    include_usage: bool
    echo: bool = False


def chat_plan(request: ChatRequest, id: str) -> Plan:
    refuse(
        request.model,
        tools=request.tools,
        functions=request.functions,
        tool_choice=request.tool_choice not in (None, "none", "auto"),
        function_call=request.function_call not in (None, "none", "auto"),
        modalities=[m for m in request.modalities or () if m != "text"],
        reasoning_effort=request.reasoning_effort not in (None, "none"),
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
    return _plan(request, [replace(first, continue_from=said_before + first.continue_from)])


def completion_plan(request: CompletionRequest, id: str) -> Plan:
    best_of = request.best_of if request.best_of not in (None, 1, request.n) else None
    echo = bool(request.echo)
    refuse(
        request.model,
        suffix=request.suffix,
        best_of=best_of,
        use_beam_search=request.use_beam_search,
        echo_with_logprobs=echo and request.logprobs is not None,
        echo_of_token_ids=echo and not _is_text(request.prompt),
    )
    if request.logprobs is not None:
        within("logprobs", request.logprobs, 0, MAX_TOP_LOGPROBS)
    max_tokens = _max_tokens(request.max_tokens, "max_tokens") or DEFAULT_COMPLETION_TOKENS
    prompts = _prompts(request)
    generations = [
        _generation(request, id, prompt=prompt, max_tokens=max_tokens, logprobs=request.logprobs)
        for prompt in prompts
    ]
    return replace(_plan(request, generations), echo=echo)


def chat_of(messages: Sequence[ChatMessage], *, model: str) -> Chat:
    """Raises `InvalidRequest` naming the message at fault."""
    if not messages:
        raise InvalidRequest("messages: at least one message is needed", param="messages")
    return Chat(tuple(_message(message, i, model) for i, message in enumerate(messages)))


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
        guided_regex=request.guided_regex,
        guided_choice=request.guided_choice,
        guided_grammar=request.guided_grammar,
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
        json_schema=_json_schema(request),
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
    messages = [] if isinstance(request.messages, str) else request.messages
    chat = chat_of(messages, model=request.model)
    if not request.continue_final_message:
        return chat, ""
    *before, last = chat.messages
    if last.role != "assistant" or not before:
        raise InvalidRequest(
            "continue_final_message: the last message must be the assistant's, after another",
            param="continue_final_message",
        )
    return Chat(tuple(before)), last.content


def _message(message: ChatMessage, index: int, model: str) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        where = f"messages[{index}].role"
        known = ", ".join(_ROLES)
        raise InvalidRequest(f"{where}: {message.role!r} is not one of {known}", param=where)
    if message.tool_calls:
        raise Unsupported(["tools"], model=model)
    return Message(role=role, content=_text(message, index, model))  # type: ignore[arg-type]  # _ROLES


def _text(message: ChatMessage, index: int, model: str) -> str:
    if isinstance(message.content, str):
        return message.content
    texts = []
    for part in message.content:
        if not isinstance(part, TextPart):
            raise Unsupported([f"messages[{index}].content: {_part_type(part)}"], model=model)
        texts.append(part.text)
    return "".join(texts)


def _part_type(part: Part) -> str:
    """As the client wrote it."""
    return str(type(part).__struct_config__.tag)


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


def _json_schema(request: Generation) -> dict[str, object] | None:
    wanted, guided = request.response_format, request.guided_json
    if guided is not None and wanted is not None and wanted.type != "text":
        raise InvalidRequest("guided_json and response_format say the same", param="guided_json")
    if guided is not None:
        return _parsed(guided) if isinstance(guided, str) else guided
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {}
    if wanted.json_schema is None:
        raise InvalidRequest(
            "response_format.json_schema is missing", param="response_format.json_schema"
        )
    return wanted.json_schema.schema


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


def _max_tokens(value: int | None, name: str) -> int | None:
    if value is not None:
        within(name, value, 1, None)
    return value
