"""Keys and their tokens, providers and what they cost."""

from tools.boards.graph import Graph, in_an_hour, per_second

KEYS = (
    Graph(
        title="Tokens of answers by key",
        says="In an hour",
        unit="short",
        queries=in_an_hour("gateway_completion_tokens_total", "key"),
    ),
    Graph(
        title="Tokens of prompts by key",
        says="In an hour",
        unit="short",
        queries=in_an_hour("gateway_prompt_tokens_total", "key"),
    ),
    Graph(
        title="Requests by key",
        says="In a second",
        unit="reqps",
        queries=per_second("gateway_requests_total", "key"),
    ),
    Graph(
        title="Refused for a limit",
        says="Rates (42901), budgets (42902) and full workers (42903)",
        unit="reqps",
        queries=per_second("gateway_errors_total", "error_code", '{error_code=~"429.."}'),
    ),
)
SPEND = (
    Graph(
        title="Providers by model",
        says="Dollars in an hour, at the API servers, pages and workers that ask them",
        unit="currencyUSD",
        queries=in_an_hour("provider_spend_dollars_total", "model"),
    ),
    Graph(
        title="A day at this pace",
        says="Dollars that providers would cost, as they did in the last hour",
        unit="currencyUSD",
        queries={"a day": "24 * sum(increase(provider_spend_dollars_total[1h]))"},
    ),
    Graph(
        title="Budgets of the day",
        says="The part of dollars_per_day that is spent, of the process that spent most; days are "
        "those of UTC",
        unit="percentunit",
        queries={"{{model}}": "max by (model) (provider_day_budget_spent_ratio)"},
    ),
    Graph(
        title="Breakers of providers",
        says="At the API servers; 0: in use, 1: on trial, 2: left alone",
        unit="short",
        queries={
            "{{worker}}": "max by (worker) "
            '(gateway_worker_breaker_state{worker=~"http://provider.invalid/.*"})'
        },
    ),
    Graph(
        title="Answers by model",
        says="Dollars in an hour, of models with a price, whoever served them",
        unit="currencyUSD",
        queries=in_an_hour("gateway_spend_dollars_total", "model"),
    ),
    Graph(
        title="Answers by key",
        says="Dollars in an hour, of models with a price, whoever served them",
        unit="currencyUSD",
        queries=in_an_hour("gateway_spend_dollars_total", "key"),
    ),
)
