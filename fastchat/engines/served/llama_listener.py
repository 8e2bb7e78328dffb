"""llama.cpp's own HTTP server, from the `xllamacpp` wheel.

python -m fastchat.engines.served.llama_listener --model FILE.gguf --port 8080
"""

import argparse
import importlib
import signal
from typing import Any

from fastchat.core.config import environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--alias", help="what requests call it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--parallel", type=int, default=4, help="requests at once")
    parser.add_argument("--ctx-size", type=int, default=4096, help="tokens of one request")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--threads-http", type=int, default=48, help="connections at once")
    server = serve(parser.parse_args())
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    del server


def serve(given: argparse.Namespace) -> Any:
    library = importlib.import_module("xllamacpp")
    params = library.CommonParams()
    params.model.path = given.model
    if given.alias:
        params.model_alias = {given.alias}
    params.hostnames = [given.host]
    params.port = given.port
    if key := environment().get("LLAMA_API_KEY"):
        params.api_keys = [key]
    params.n_parallel = given.parallel
    params.n_ctx = given.ctx_size * given.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.n_threads_http = given.threads_http
    params.endpoint_metrics = True
    params.ui = False
    params.verbosity = 1
    return library.Server(params)


if __name__ == "__main__":
    main()
