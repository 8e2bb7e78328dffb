"""Answers in the shape that the vendors' servers give them, with fields that nobody here reads."""

from tests.providers.fakes import events


def _openai(delta: object, finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4-0613",
        "system_fingerprint": "fp_1", "service_tier": "default", "choices": [choice], "usage": None,
    }  # fmt: skip


OPENAI_USAGE = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [],
    "usage": {
        "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
}  # fmt: skip
OPENAI_TEXT = events(
    _openai({"role": "assistant", "content": "", "refusal": None}),
    _openai({"content": "Hello"}),
    _openai({"content": " there"}),
    _openai({}, "stop"),
    OPENAI_USAGE,
    done=True,
)
OPENAI_PLAIN = events(
    {"id": "cmpl-1", "object": "text_completion", "choices": [{"index": 0, "text": " return"}]},
    {"choices": [{"index": 0, "text": " a + b", "logprobs": None, "finish_reason": None}]},
    {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}},
    done=True,
)
OPENAI_TOOL = events(
    _openai({"role": "assistant", "content": None, "tool_calls": [
        {"index": 0, "id": "call_1", "type": "function",
         "function": {"name": "weather", "arguments": ""}}]}),
    _openai({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
    _openai({"tool_calls": [{"index": 0, "function": {"arguments": '"Bern"}'}}]}),
    _openai({}, "tool_calls"),
    OPENAI_USAGE,
    done=True,
)  # fmt: skip
OPENAI_WHOLE = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4-0613",
    "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                 "message": {"role": "assistant", "content": "Hello there", "refusal": None}}],
    "usage": OPENAI_USAGE["usage"],
}  # fmt: skip
DEEPSEEK_REASONING = events(
    _openai({"role": "assistant", "content": None, "reasoning_content": "Let me"}),
    _openai({"content": None, "reasoning_content": " think"}),
    _openai({"content": "Hello there", "reasoning_content": None}),
    _openai({"content": ""}, "stop") | {"usage": OPENAI_USAGE["usage"]},
    done=True,
)

_ANTHROPIC_START = {
    "type": "message_start",
    "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
                "content": [], "stop_reason": None, "stop_sequence": None,
                "usage": {"input_tokens": 3, "cache_creation_input_tokens": 2,
                          "cache_read_input_tokens": 4, "output_tokens": 1}},
}  # fmt: skip


def _block(index: int, block: object, *deltas: object) -> list[object]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _anthropic_end(reason: str) -> list[object]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 12}},
        {"type": "message_stop"},
    ]


ANTHROPIC_TEXT = events(
    _ANTHROPIC_START,
    *_block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me think"},
        {"type": "signature_delta", "signature": "EqQB"},
    ),
    *_block(
        1,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "Hello"},
        {"type": "text_delta", "text": " there"},
    ),
    *_anthropic_end("end_turn"),
)
ANTHROPIC_TOOL = events(
    _ANTHROPIC_START,
    *_block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I look."}),
    *_block(
        1,
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"city":'},
        {"type": "input_json_delta", "partial_json": '"Bern"}'},
    ),
    *_anthropic_end("tool_use"),
)
ANTHROPIC_OVERLOADED = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
    "request_id": "req_1",
}


def _gemini(parts: list[object], finish: str | None = None) -> dict[str, object]:
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    usage = {
        "promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 14,
        "thoughtsTokenCount": 3, "cachedContentTokenCount": 4,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    }  # fmt: skip
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini"}


GEMINI_TEXT = events(
    _gemini([{"text": "Let me think", "thought": True}]),
    _gemini([{"text": "Hello"}]),
    _gemini([{"text": " there", "thoughtSignature": "Cg"}], "STOP"),
)
GEMINI_TOOL = events(
    _gemini([{"functionCall": {"name": "weather", "args": {"city": "Bern"}}}], "STOP")
)
GEMINI_BLOCKED = events({"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []}})
GEMINI_WHOLE = _gemini([{"text": "Hello there"}], "MAX_TOKENS")

_RESPONSE_USAGE = {
    "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 14,
}  # fmt: skip


def _completed(kind: str = "completed", **values: object) -> dict[str, object]:
    response = {"id": "resp_1", "status": kind, "usage": _RESPONSE_USAGE, "error": None,
                "incomplete_details": None}  # fmt: skip
    return {"type": f"response.{kind}", "sequence_number": 9, "response": response | values}


RESPONSES_TEXT = events(
    {"type": "response.created", "response": {"id": "resp_1", "usage": None}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Let me think"},
    {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message"}},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "Hello"},
    {"type": "response.output_text.delta", "output_index": 1, "delta": " there"},
    {"type": "response.output_text.done", "output_index": 1, "text": "Hello there"},
    _completed(),
)
RESPONSES_TOOL = events(
    {"type": "response.output_item.added", "output_index": 0,
     "item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather"}},
    {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"city":'},
    {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '"Bern"}'},
    _completed(),
)  # fmt: skip
RESPONSES_CUT_SHORT = events(
    {"type": "response.output_text.delta", "output_index": 0, "delta": "Hello"},
    _completed("incomplete", incomplete_details={"reason": "max_output_tokens"}),
)
RESPONSES_FAILED = events(
    _completed("failed", error={"code": "server_error", "message": "It broke."})
)
