"""Start the API server: `python3 -m fastchat.serve.openai_api_server --port 8000`."""

from fastchat.core.board import Board
from fastchat.core.errors import ConfigError
from fastchat.gateway.build import build
from fastchat.gateway.config import GatewayConfig
from fastchat.gateway.shares import Shares, shared_folder
from fastchat.serve._run import begin, bind, fail, log_to, serve, warn_if_open
from fastchat.serve._several import run_several


def main() -> None:
    config = begin(GatewayConfig, "openai_api_server")
    try:
        certificate = config.certificate
        bound = bind(config.host, config.port)
    except ConfigError as error:
        fail(error)

    def run(process: int | None) -> None:
        part = "" if process is None else f"_{process}"
        log_to("openai_api_server", f"openai_api_server{part}.log", config.logdir, config)
        guarded = bool(config.api_keys or config.api_keys_file or config.has_database)
        warn_if_open(config.host, guarded=guarded, remedy="set API keys with --api-keys-file")
        shares = None if process is None else Shares(folder, process, board)
        try:
            service = build(config, shares)
        except ConfigError as error:
            fail(error)
        alone, drain_s = process is None, config.drain_s
        serve(service, bound, config.host, drain_s=drain_s, certificate=certificate, alone=alone)

    with shared_folder() as folder:
        board = Board(config.workers)
        run_several(config.workers, run, bound, mourn=board.strike_out)


if __name__ == "__main__":
    main()
