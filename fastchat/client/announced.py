"""The template that a worker announces, for those who render its prompts."""

from fastchat.client.worker import WorkerClient, WorkerFault
from fastchat.conversation import Conversation, from_wire
from fastchat.model import get_conversation_template

NOT_FOUND = 404


async def announced_template(worker: WorkerClient, model: str) -> Conversation:
    """Raises `WorkerFault`, or ValueError for a template that cannot be used here.

    A controller can stand in for its workers, but one of 0.2.36 passes on generations only. Then
    the template is that of the model's name.
    """
    try:
        return from_wire(await worker.conv_template(model))
    except WorkerFault as fault:
        if fault.status != NOT_FOUND:
            raise
        return get_conversation_template(model)
