from fastchat.protocol.codec import encode
from fastchat.protocol.wire import GenerateParams


def test_a_parameter_that_is_not_set_is_not_sent() -> None:
    """Five null temperatures stop a worker of 0.2.36 for ever."""
    params = GenerateParams(prompt="x", echo=False, top_k=None)
    assert encode(params) == b'{"prompt":"x","echo":false}'
