"""The table of styles: each is a function from a transcript to the prompt."""

from collections.abc import Callable, Mapping

from fastchat.conversation.style import SeparatorStyle, Transcript
from fastchat.conversation.styles import bare, colon, line, numbered

__all__ = ["STYLES"]

STYLES: Mapping[SeparatorStyle, Callable[[Transcript], str]] = {
    SeparatorStyle.ADD_COLON_SINGLE: colon.single,
    SeparatorStyle.ADD_COLON_TWO: colon.two,
    SeparatorStyle.ADD_COLON_SPACE_SINGLE: colon.space_single,
    SeparatorStyle.NO_COLON_SINGLE: bare.single,
    SeparatorStyle.NO_COLON_TWO: bare.two,
    SeparatorStyle.ADD_NEW_LINE_SINGLE: line.single,
    SeparatorStyle.LLAMA2: bare.llama2,
    SeparatorStyle.CHATGLM: numbered.chatglm,
    SeparatorStyle.CHATML: line.chatml,
    SeparatorStyle.CHATINTERN: numbered.chatintern,
    SeparatorStyle.DOLLY: line.dolly,
    SeparatorStyle.RWKV: colon.rwkv,
    SeparatorStyle.PHOENIX: colon.phoenix,
    SeparatorStyle.ROBIN: line.robin,
    SeparatorStyle.FALCON_CHAT: colon.falcon_chat,
    SeparatorStyle.CHATGLM3: line.chatglm3,
    SeparatorStyle.DEEPSEEK_CHAT: colon.deepseek_chat,
    SeparatorStyle.METAMATH: line.metamath,
    SeparatorStyle.YUAN2: bare.yuan2,
}
