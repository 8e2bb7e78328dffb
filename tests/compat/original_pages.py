"""The chat page of FastChat 0.2.36 without its widgets: run by the original's interpreter.

    original/bin/python tests/compat/original_pages.py CONTROLLER_URL MESSAGE

Gradio is replaced by a stand-in, because drawing is not asked for; the page's own code fetches the
models, finds a worker, builds the prompt, reads the stream and puts the answer into the chat. The
last line printed is JSON: the models, and the answer as it was shown after each step.
"""

import json
import sys
from importlib import import_module
from unittest.mock import MagicMock


def main() -> None:
    controller_url, message = sys.argv[1:]
    sys.modules["gradio"] = MagicMock()
    page = import_module("fastchat.serve.gradio_web_server")
    page.set_global_vars(controller_url, False)
    models, _ = page.get_model_list(controller_url, None, False)
    request = MagicMock(headers={}, client=MagicMock(host="127.0.0.1"))
    state = page.State(models[0])
    state, *_ = page.add_text(state, models[0], message, None, request)
    shown = [update[1][-1][-1] for update in page.bot_response(state, 0.0, 1.0, 16, request)]
    assert sys.__stdout__ is not None  # the original puts a logger in the place of the other one
    sys.__stdout__.write(json.dumps({"models": models, "shown": shown}) + "\n")
    sys.__stdout__.flush()  # at its end Python flushes only the one that was put in its place


if __name__ == "__main__":
    main()
