# pyright: reportMissingImports=false, reportOptionalMemberAccess=false
# pyright: reportPossiblyUnboundVariable=false
"""LangChain's chat models with a tool, streamed, by the API that the first argument names."""

import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from shell import MODEL
from shell import PROMPT
from shell import ROUTER
from shell import shell


def model(api: str):
    if api == "anthropic":
        return ChatAnthropic(model=MODEL, base_url=ROUTER, api_key="any", max_retries=0)
    if api == "ollama":
        return ChatOllama(model=MODEL, base_url=ROUTER.replace("://", "://any:key@"))
    more = {"use_responses_api": True} if api == "responses" else {}
    return ChatOpenAI(
        model=MODEL,
        base_url=f"{ROUTER}/v1",
        api_key="any",
        max_retries=0,
        stream_usage=True,
        **more,
    )


def main(api: str) -> None:
    bound = model(api).bind_tools([tool(shell)])
    messages = [HumanMessage(PROMPT)]
    for _ in range(9):
        reply = None
        for chunk in bound.stream(messages):
            reply = chunk if reply is None else reply + chunk
        messages.append(reply)
        if not reply.tool_calls:
            break
        for call in reply.tool_calls:
            result = shell(**call["args"])
            messages.append(ToolMessage(result, tool_call_id=call["id"]))
    assert reply.usage_metadata["output_tokens"] > 0
    print(reply.text if isinstance(reply.text, str) else reply.text())


main(sys.argv[1])
