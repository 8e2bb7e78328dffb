"""The platform, and its models."""

from tools.boards.graph import MODEL, Graph, lost, per_second, quantiles, total

PLATFORM = (
    Graph(
        title="Requests",
        says="Answers in a second, by status",
        unit="reqps",
        queries=per_second("gateway_requests_total", "status"),
    ),
    Graph(
        title="Errors",
        says="Errors in a second, by error_code",
        unit="reqps",
        queries=per_second("gateway_errors_total", "error_code"),
    ),
    Graph(
        title="Latency",
        says="From a request to the end of its answer",
        unit="s",
        queries=quantiles("gateway_request_duration_seconds", "job"),
    ),
    Graph(
        title="In flight and queued",
        says="At the API servers, and at the workers",
        unit="short",
        queries={
            "in flight": "sum(gateway_requests_in_flight)",
            "running": "sum(worker_requests_running)",
            "waiting": "sum(worker_requests_waiting)",
        },
    ),
    Graph(
        title="Workers",
        says="Registered, and fallen silent in the last ten minutes",
        unit="short",
        queries={"{{state}}": "controller_workers"},
    ),
    Graph(
        title="Retries and migrations",
        says="What was asked anew before, and in the middle of, an answer",
        unit="reqps",
        queries={
            "retries": total("gateway_retries_total"),
            "migrations": total("gateway_migrations_total"),
            "held back": total("gateway_retries_held_back_total"),
        },
    ),
    Graph(
        title="Breakers",
        says="0: in use, 1: on trial, 2: left alone",
        unit="short",
        queries={"{{worker}}": "max by (worker) (gateway_worker_breaker_state)"},
    ),
    Graph(
        title="Age of the table",
        says="Since the controller was heard; it speaks every five seconds",
        unit="s",
        queries={
            "{{instance}}": "gateway_table_age_seconds",
            "{{instance}} page": "page_table_age_seconds",
        },
    ),
    Graph(
        title="Not written, not sent",
        says="Log lines and spans that were lost in the last hour",
        unit="short",
        queries={
            "lines of {{instance}}": lost("(controller|worker|gateway|page)_log_lines"),
            "spans of {{instance}}": lost("(worker|gateway|page)_spans"),
        },
    ),
)
MODELS = (
    Graph(
        title="Requests by model",
        says="Answers in a second",
        unit="reqps",
        queries=per_second("gateway_requests_total", "model", MODEL),
    ),
    Graph(
        title="Workers by model",
        says="0 when the last one was lost",
        unit="short",
        queries={"{{model}}": f"max by (model) (controller_model_workers{MODEL})"},
    ),
    Graph(
        title="Time to the first token",
        says="Of streams, at the API server",
        unit="s",
        queries=quantiles("gateway_time_to_first_token_seconds", "model", MODEL),
    ),
    Graph(
        title="Time between tokens",
        says="Of streams, the mean of each",
        unit="s",
        queries=quantiles("gateway_time_per_output_token_seconds", "model", MODEL),
    ),
    Graph(
        title="Tokens",
        says="In and out, in a second",
        unit="short",
        queries={
            "in {{model}}": total("gateway_prompt_tokens_total", "model", MODEL),
            "out {{model}}": total("gateway_completion_tokens_total", "model", MODEL),
        },
    ),
    Graph(
        title="Prompts from the cache",
        says="The part of all prompt tokens that engines had in their cache",
        unit="percentunit",
        queries={
            "{{model}}": f"{total('gateway_cached_prompt_tokens_total', 'model', MODEL)} / "
            f"{total('gateway_prompt_tokens_total', 'model', MODEL)}"
        },
    ),
)
