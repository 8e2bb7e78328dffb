"""Start the web page with all tabs: `python3 -m fastchat.serve.gradio_web_server_multi`."""

from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, bind, fail, log_to, serve, warn_if_open
from fastchat.webui.build import build
from fastchat.webui.config import ArenaConfig


def main() -> None:
    config = begin(ArenaConfig, "gradio_web_server_multi")
    log_to("gradio_web_server_multi", "gradio_web_server_multi.log", config.logdir, config)
    warn_if_open(
        config.host, guarded=config.gradio_auth_path is not None, remedy="set --gradio-auth-path"
    )
    try:
        bound = bind(config.host, config.port)
        service = build(config)
    except ConfigError as error:
        fail(error)
    serve(service, bound, config.host, drain_s=config.drain_s)


if __name__ == "__main__":
    main()
