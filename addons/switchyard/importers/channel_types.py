"""Says what the numbers of channel types mean in one-api and new-api.

From one-api's `relay/channeltype/define.go` and new-api's `constant/channel.go`. The two agree up
to 25 and diverge from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelType:
    """One type of channel that the router can speak to."""

    name: str
    preset: str = ""
    url: str = ""
    """The usual host; empty where the preset or the channel has one."""
    path: str = ""
    """What these routers add to the host of a channel before the endpoint."""
    format: str = ""


_BOTH = {
    1: ChannelType("openai", "openai"),
    4: ChannelType("ollama", "ollama"),
    8: ChannelType("custom"),
    14: ChannelType("anthropic", "anthropic", format="anthropic"),
    17: ChannelType("dashscope", "", "https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
    20: ChannelType("openrouter", "openrouter"),
    24: ChannelType("gemini", "gemini", format="gemini"),
    25: ChannelType("moonshot", "", "https://api.moonshot.cn", "/v1"),
    31: ChannelType("lingyiwanwu", "", "https://api.lingyiwanwu.com", "/v1"),
}

ONE_API: Mapping[int, ChannelType] = {
    **_BOTH,
    27: ChannelType("minimax", "", "https://api.minimax.chat", "/v1"),
    28: ChannelType("mistral", "mistral"),
    29: ChannelType("groq", "groq"),
    30: ChannelType("ollama", "ollama"),
    36: ChannelType("deepseek", "deepseek"),
    39: ChannelType("together", "together"),
    40: ChannelType("doubao", "", "https://ark.cn-beijing.volces.com", "/api/v3"),
    44: ChannelType("siliconflow", "", "https://api.siliconflow.cn", "/v1"),
    45: ChannelType("xai", "xai"),
    49: ChannelType("bailian", "", "https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
    50: ChannelType("openai-compatible"),
}

NEW_API: Mapping[int, ChannelType] = {
    **_BOTH,
    26: ChannelType("zhipu", "", "https://open.bigmodel.cn", "/api/paas/v4"),
    27: ChannelType("perplexity", "", "https://api.perplexity.ai"),
    34: ChannelType("cohere", "", "https://api.cohere.ai", "/compatibility/v1"),
    35: ChannelType("minimax", "", "https://api.minimax.chat", "/v1"),
    40: ChannelType("siliconflow", "", "https://api.siliconflow.cn", "/v1"),
    42: ChannelType("mistral", "mistral"),
    43: ChannelType("deepseek", "deepseek"),
    45: ChannelType("volcengine", "", "https://ark.cn-beijing.volces.com", "/api/v3"),
    46: ChannelType("baidu", "", "https://qianfan.baidubce.com", "/v2"),
    47: ChannelType("xinference"),
    48: ChannelType("xai", "xai"),
    53: ChannelType("submodel", "", "https://llm.submodel.ai", "/v1"),
}
