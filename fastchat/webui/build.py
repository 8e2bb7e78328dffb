"""From flags to an application, where Gradio is installed."""

from fastchat.core.errors import ConfigError
from fastchat.relay.edge import Service
from fastchat.webui.config import PageConfig


def build(config: PageConfig) -> Service:
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ConfigError("the page needs Gradio: pip install 'fschat[webui]'") from error
    from fastchat.webui.assembly import assembled

    return assembled(config)
