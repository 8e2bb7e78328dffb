"""What helps against each error, for whoever runs the platform."""

from collections.abc import Mapping

from fastchat.core.codes import ErrorCode

REMEDIES: Mapping[int, str] = {
    ErrorCode.VALIDATION_TYPE_ERROR: "the request is at fault: the answer names the field",
    ErrorCode.INVALID_AUTH_KEY: "the client showed no key in the form `Authorization: Bearer KEY`",
    ErrorCode.INCORRECT_AUTH_KEY: "the client's key is unknown, revoked or expired: "
    "fastchat keys list",
    ErrorCode.NO_PERMISSION: "this key may not use that model: fastchat keys list "
    "shows what it may",
    ErrorCode.INVALID_MODEL: "no worker serves the model: /v1/models lists what there is; an alias "
    "can be given with --routes",
    ErrorCode.PARAM_OUT_OF_RANGE: "the request is at fault: the answer names the field "
    "and its range",
    ErrorCode.CONTEXT_OVERFLOW: "the prompt is longer than the model's context: shorten it, or "
    "name a model that holds more under [context_fallbacks] in --routes",
    ErrorCode.RATE_LIMIT: "the key asked too often: fastchat keys shows its rate",
    ErrorCode.QUOTA_EXCEEDED: "the key has used up its tokens: give it another budget, or wait",
    ErrorCode.ENGINE_OVERLOADED: "all workers were full: start another one, or raise "
    "--limit-worker-concurrency where memory allows",
    ErrorCode.INTERNAL_ERROR: "something broke: the worker's log has the details at that time",
    ErrorCode.CUDA_OUT_OF_MEMORY: "the card's memory was full: --load-8bit, a lower "
    "--limit-worker-concurrency, a smaller max_tokens, --num-gpus 2",
    ErrorCode.GRADIO_REQUEST_ERROR: "the page could not ask: its log says whom it could not reach",
    ErrorCode.GRADIO_STREAM_UNKNOWN_ERROR: "an answer on the page broke off: see the worker's log",
    ErrorCode.CONTROLLER_NO_WORKER: "no worker of that model was there: fastchat top shows which "
    "there are; its log says why one went",
    ErrorCode.CONTROLLER_WORKER_TIMEOUT: "a worker was silent for too long, or the client's own "
    "time was over: a shorter answer, another worker, or a higher FASTCHAT_WORKER_API_TIMEOUT",
}
LEFT = "the client left before its answer had ended; nobody has to do anything"

OUTCOMES: Mapping[str, str] = {
    "unreachable": "could not be reached",
    "silent": "fell silent",
    "full": "was full, or about to end",
    "failed": "failed or broke off",
}
