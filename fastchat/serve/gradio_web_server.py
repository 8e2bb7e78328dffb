"""Start the web page: `python3 -m fastchat.serve.gradio_web_server --port 7860`."""

from fastchat.serve._page import serve_page
from fastchat.webui.config import PageConfig


def main() -> None:
    serve_page(PageConfig, "gradio_web_server")


if __name__ == "__main__":
    main()
