import pytest

from fastchat.core.upstream import Upstream


@pytest.mark.parametrize(
    ("url", "upstream"),
    [
        ("http://a:1", Upstream("a", 1)),
        ("https://a/b/", Upstream("a", 443, tls=True, prefix="/b")),
        ("http://[::1]:2", Upstream("::1", 2)),
    ],
)
def test_an_address_is_taken_apart(url: str, upstream: Upstream) -> None:
    assert Upstream.from_url(url) == upstream


@pytest.mark.parametrize("url", ["", "a:1", "ftp://a", "http://", "http://a:x", "http://a:70000"])
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Upstream.from_url(url)
