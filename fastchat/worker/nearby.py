"""Who may do more at a worker than ask it."""

from ipaddress import ip_address

from starlette.requests import Request

from fastchat.core.errors import NoPermission


def check_nearby(request: Request, what: str, *, guarded: bool) -> None:
    """`guarded`: nobody comes here without the cluster token. Without a token only who sits at this
    machine, and no page that a browser shows there. `what` is done begins the error's sentence."""
    if guarded:
        return
    caller = request.client.host if request.client else ""
    if "origin" in request.headers or not _is_loopback(caller):
        raise NoPermission(
            f"{what} from the worker's own machine, or with the cluster token "
            "(FASTCHAT_CLUSTER_TOKEN)."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
