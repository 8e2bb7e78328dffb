"""Pictures as vendors take them: the bytes in base64, or an address that they fetch themselves."""

from fastchat.core.errors import InvalidRequest


def data_of(url: str) -> tuple[str, str] | None:
    """Media type and base64 of a data URL; None for another address."""
    if not url.startswith("data:"):
        if not url.startswith(("https://", "http://")):
            raise InvalidRequest("A picture is a data: or an https: URL.", param="messages")
        return None
    head, _, data = url[len("data:") :].partition(",")
    media_type, _, encoding = head.partition(";")
    if encoding != "base64" or not media_type or not data:
        raise InvalidRequest("A data: URL of a picture has a type and base64.", param="messages")
    return media_type, data
