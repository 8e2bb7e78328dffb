"""The flags of a worker whose models are those of other providers."""

from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import flag
from fastchat.worker.config import ShellFlags


@dataclass(frozen=True, kw_only=True)
class ProviderWorkerConfig(ShellFlags):
    """Serve models of OpenAI, Anthropic, Gemini and others as if they were workers' own.

    The file is the one of --register-api-endpoint-file, with keys or ${NAME} for variables that
    hold them. Who asks this worker needs no key of the provider; its quotas are counted here, for
    all API servers and pages together.

    Examples:

        python3 -m fastchat.serve.provider_worker --register-api-endpoint-file api_endpoints.json
        python3 -m fastchat.serve.provider_worker --register-api-endpoint-file api_endpoints.json \\
            --model-names gpt-4 --port 31005
    """

    register_api_endpoint_file: Path = flag(help="JSON file of the models", metavar="FILE")
    model_names: tuple[str, ...] = flag(
        (), help="the models of the file to serve (default: all)", metavar="NAME"
    )
    price_file: Path | None = flag(
        None, help="JSON file of prices that win over our own", metavar="FILE"
    )
    limit_worker_concurrency: int = flag(
        64, help="requests that run at once", metavar="N", at_least=1
    )
