"""One worker."""

from tools.boards.graph import WORKER, Graph, per_second, quantiles, rate

ONE_WORKER = (
    Graph(
        title="Throughput",
        says="Requests and tokens in a second",
        unit="short",
        queries={
            "requests": rate("worker_requests_total", WORKER),
            "tokens": rate("worker_completion_tokens_total", WORKER),
        },
    ),
    Graph(
        title="Latency",
        says="From a request to the end of its answer",
        unit="s",
        queries=quantiles("worker_request_latency_seconds", "instance", WORKER),
    ),
    Graph(
        title="Queue",
        says="Requests running and waiting",
        unit="short",
        queries={
            "{{instance}}": f"worker_queue_length{WORKER}",
            "slots": f"worker_slots{WORKER}",
        },
    ),
    Graph(
        title="Errors",
        says="In a second, by error_code",
        unit="reqps",
        queries=per_second("worker_errors_total", "error_code", WORKER),
    ),
    Graph(
        title="Memory of the cards",
        says="As the driver tells it, whoever uses it; 0 without a card",
        unit="bytes",
        queries={
            "used": f"worker_gpu_memory_bytes{WORKER}",
            "size": f"worker_gpu_memory_size_bytes{WORKER}",
        },
    ),
    Graph(
        title="Use of the cards",
        says="The part of the time in which each computes",
        unit="percentunit",
        queries={"{{gpu}}": f"worker_gpu_utilization_ratio{WORKER}"},
    ),
    Graph(
        title="Memory of the process",
        says="Resident",
        unit="bytes",
        queries={"{{instance}}": f"process_resident_memory_bytes{WORKER}"},
    ),
)
