"""Start the web page with all tabs: `python3 -m fastchat.serve.gradio_web_server_multi`."""

from fastchat.serve._page import serve_page
from fastchat.webui.config import ArenaConfig


def main() -> None:
    serve_page(ArenaConfig, "gradio_web_server_multi")


if __name__ == "__main__":
    main()
