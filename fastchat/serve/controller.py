"""Start the controller: `python3 -m fastchat.serve.controller --host 0.0.0.0 --port 21001`."""

from fastchat.controller.build import build
from fastchat.controller.config import ControllerConfig
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, bind, fail, log_to, serve, warn_if_open


def main() -> None:
    config = begin(ControllerConfig, "controller")
    log_to("controller", "controller.log", config.logdir, config)
    warn_if_open(
        config.host, guarded=bool(config.cluster_token), remedy="set FASTCHAT_CLUSTER_TOKEN"
    )
    try:
        certificate = config.certificate
        bound = bind(config.host, config.port)
        service = build(config)
    except ConfigError as error:
        fail(error)
    serve(service, bound, config.host, drain_s=5, certificate=certificate)


if __name__ == "__main__":
    main()
