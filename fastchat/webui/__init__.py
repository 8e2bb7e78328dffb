"""The web page: conversations that know no Gradio, and the Gradio page around them."""
