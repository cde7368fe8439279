"""The table of losses: what it names is reported where it is used, and nowhere else."""

from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import FORMATS
from switchyard.wire.translate.documents import readable
from switchyard.wire.translate.features import features
from switchyard.wire.translate.losses import KEPT_BY_PROVIDER
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.losses import unsaid_stops

SOURCE = "elsewhere"
CANNOT_SAY = {name: format.losses.cannot_say for name, format in FORMATS.items()}

PLAIN = Conversation(
    format=SOURCE,
    model="m",
    turns=(
        Turn(role="system", parts=(Text(text="Be brief."),)),
        Turn(role="user", parts=(Text(text="Hello"),)),
        Turn(role="assistant", parts=(ToolCall(id="c1", name="f", arguments="{}"),)),
        Turn(role="user", parts=(ToolResult(call_id="c1", parts=(Text(text="ok"),)),)),
    ),
    tools=(Tool(name="f", parameters={"type": "object", "properties": {}}),),
    max_tokens=100,
    temperature=0.5,
)


ONE_QUESTION = replace(PLAIN, turns=PLAIN.turns[1:2], tools=())


def using(**settings: Any) -> Conversation:
    return replace(PLAIN, **settings)


def with_part(part: Part, role: Any = "user") -> Conversation:
    return using(turns=(*PLAIN.turns, Turn(role=role, parts=(Text(text="See:"), part))))


def with_result(**members: Any) -> Conversation:
    result = replace(PLAIN.turns[3].parts[0], **members)
    return using(turns=(*PLAIN.turns[:3], replace(PLAIN.turns[3], parts=(result,))))


def with_tool(**members: Any) -> Conversation:
    tools = (*PLAIN.tools, Tool(**{"name": "g", **members}))
    return using(tools=tools)


def media(kind: Any, **members: Any) -> Conversation:
    return with_part(Media(kind=kind, **members))


PIXEL: dict[str, Any] = {"media_type": "image/png", "data": "iVBORw0KGgo="}

USES: dict[str, Conversation] = {
    "top_k": using(top_k=5),
    "seed": using(seed=0),
    "presence_penalty": using(presence_penalty=0.5),
    "frequency_penalty": using(frequency_penalty=0.5),
    "logit_bias": using(logit_bias={"1": 2}),
    "logprobs": using(logprobs=True),
    "candidates": using(candidates=2),
    "tool_choice": using(tool_choice=ToolChoice(mode="required")),
    "tools": using(
        tools=(*PLAIN.tools, Tool(name="g", format="openai-chat")),
        tool_choice=ToolChoice(mode="tool", name="f"),
    ),
    "thinking-with-forced-tool": using(
        tool_choice=ToolChoice(mode="required"), reasoning=Reasoning(effort="low")
    ),
    "parallel_tools": using(parallel_tools=False),
    "verbosity": using(verbosity="low"),
    "store": using(store=True),
    "metadata": using(metadata={"a": "b"}),
    "prompt_cache_key": using(cache_key="k"),
    "prediction": using(prediction={"type": "content", "content": "x"}),
    "audio-output": using(modalities=("text", "audio"), audio={"voice": "v", "format": "wav"}),
    "speech": using(modalities=("audio",)),
    "web_search": using(web_search={}),
    "server-tools": with_tool(kind="server", format="another", raw={"type": "search"}),
    "server-tool-options": with_tool(
        kind="server", format="anthropic", raw={"type": "x"}, extra={"unsaid": True}
    ),
    "custom-tools": with_tool(kind="custom"),
    "strict-tools": with_tool(strict=True),
    "cache_control": with_part(Text(text="Hi", cache={"type": "ephemeral"})),
    "participant-names": using(turns=(Turn(role="user", parts=(Text(text="Hi"),), name="Ada"),)),
    "assistant-media": using(
        turns=(
            *with_part(Media(kind="image", **PIXEL), "assistant").turns,
            Turn(role="user", parts=(Text(text="Bigger."),)),
        )
    ),
    "image-input": media("image", **PIXEL),
    "image-url": media("image", url="https://a.test/i.png"),
    "image-file-id": media("image", file_id="file_1"),
    "image-detail": media("image", detail="low", **PIXEL),
    "media-types": media("image", **PIXEL),
    "document-types": media("document", media_type="application/msword", data="AAAA"),
    "document-input": media("document", media_type="application/pdf", data="JVBERg=="),
    "document-url": media("document", url="https://a.test/d.pdf"),
    "document-file-id": media("document", file_id="file_1"),
    "file-names": media("document", media_type="application/pdf", data="JVBERg==", name="a.pdf"),
    "document-citations": media("document", text="words", citations=True),
    "audio-input": media("audio", media_type="audio/wav", data="AAAA"),
    "audio-url": media("audio", url="https://a.test/a.wav"),
    "audio-file-id": media("audio", file_id="file_1"),
    "video-input": media("video", media_type="video/mp4", data="AAAA"),
    "video-url": media("video", url="https://a.test/v.mp4"),
    "video-file-id": media("video", file_id="file_1"),
    "thinking": with_part(Thinking(text="hm"), "assistant"),
    "unsigned-thinking": with_part(Thinking(text="hm"), "assistant"),
    "uncalled-thinking": with_part(Thinking(text="hm"), "assistant"),
    "thinking-signature": with_part(
        Thinking(text="hm", signature="c2ln", signer="another"), "assistant"
    ),
    "tool-result-errors": with_result(is_error=True),
    "tool-result-media": with_result(parts=(Media(kind="image", **PIXEL),)),
    "tool-result-parts": with_result(parts=(Text(text="a"), Text(text="b"))),
    "provider-blocks": with_part(Opaque(format="another", kind="x", raw={}), "assistant"),
    "provider-blocks-as-text": with_part(
        Opaque(format="another", kind="x", raw={}, text="words"), "assistant"
    ),
    "refusals": with_part(Refusal(text="No."), "assistant"),
    "turns": PLAIN,
    "system": PLAIN,
    "reasoning": replace(ONE_QUESTION, reasoning=Reasoning(effort="low"), max_tokens=4000),
}

TABLE = [(target, feature) for target, table in CANNOT_SAY.items() for feature in table]


@pytest.mark.parametrize(("target", "feature"), TABLE)
def test_each_feature_of_the_table_is_reported_where_it_is_used(target: str, feature: str):
    assert feature in lost(USES[feature], target)


@pytest.mark.parametrize("target", CANNOT_SAY)
def test_nothing_is_reported_of_a_conversation_that_every_format_can_say(target: str):
    plain = ONE_QUESTION if not FORMATS[target].losses.tools else PLAIN
    assert lost(plain, target) == []
    defaults = replace(
        plain, candidates=1, presence_penalty=0, frequency_penalty=0.0, logit_bias={}, store=False
    )
    assert lost(replace(defaults, metadata={}, top_logprobs=0, logprobs=False), target) == []


@pytest.mark.parametrize("target", CANNOT_SAY)
@pytest.mark.parametrize("feature", USES)
def test_only_what_the_table_names_is_reported(target: str, feature: str):
    assert set(lost(USES[feature], target)) <= CANNOT_SAY[target].keys()
    if feature not in CANNOT_SAY[target]:
        assert feature not in lost(USES[feature], target)


@pytest.mark.parametrize("feature", USES)
def test_nothing_is_lost_where_the_format_stays(feature: str):
    assert lost(USES[feature], SOURCE) == []


@pytest.mark.parametrize("feature", sorted({feature for _, feature in TABLE}))
def test_the_reason_is_given_in_words(feature: str):
    reasons = [table[feature] for table in CANNOT_SAY.values() if feature in table]
    assert all(reason and reason[0].islower() and reason[-1] != "." for reason in reasons)


@pytest.mark.parametrize("target", CANNOT_SAY)
def test_what_the_target_itself_wrote_is_not_lost(target: str):
    own = (
        Thinking(text="hm", signature="c2ln", signer=target),
        Opaque(format=target, kind="x", raw={}),
        ToolCall(id="c2", name="f", signature="c2ln", signer=target),
    )
    turn = Turn(role="assistant", parts=own)
    tools = (*PLAIN.tools, Tool(kind="server", name="s", format=target, raw={"type": "s"}))
    reported = lost(using(turns=(*PLAIN.turns, turn), tools=tools), target)
    assert not {"thinking-signature", "provider-blocks", "server-tools"} & set(reported)


@pytest.mark.parametrize("name", sorted(KEPT_BY_PROVIDER.keys() - {"cachedContent", "container"}))
def test_what_only_the_provider_of_responses_keeps(name: str):
    c = replace(PLAIN, format="openai-responses", extra={name: "x"})
    assert lost(c, "openai-chat") == [name]
    assert lost(replace(c, extra={name: None}), "openai-chat") == []
    assert lost(replace(c, format=SOURCE), "openai-chat") == []


@pytest.mark.parametrize(
    ("feature", "left"),
    [
        ("suffix", {"suffix": "the end"}),
        ("best_of", {"best_of": 3}),
        ("prompts", {"prompts": ["one", "two"]}),
        ("completion-logprobs", {"logprobs": 0}),
        ("raw-prompt", {"raw": True}),
        ("raw-prompt", {"context": [1, 2]}),
    ],
)
def test_what_only_a_legacy_completion_asks_for(feature: str, left: dict[str, Any]):
    name = "ollama" if feature == "raw-prompt" else "openai-completions"
    assert feature in FORMATS[name].losses.said_alone
    c = replace(ONE_QUESTION, format=name, extra={name: left})
    assert lost(c, "anthropic") == [feature]
    assert lost(c, name) == []
    assert lost(replace(c, extra={name: dict.fromkeys(left)}), "anthropic") == []


@pytest.mark.parametrize("target", sorted(CANNOT_SAY.keys() - {"gemini"}))
@pytest.mark.parametrize(
    ("feature", "body"),
    [
        ("cachedContent", {"cachedContent": "cachedContents/x"}),
        ("cachedContent", {"cached_content": "cachedContents/x"}),
        ("labels", {"labels": {"team": "a"}}),
        ("mediaResolution", {"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}}),
        ("safetySettings", {"safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}]}),
        ("speechConfig", {"generationConfig": {"speechConfig": {"languageCode": "de-DE"}}}),
        (
            "responseSchema",
            {
                "generationConfig": {
                    "responseMimeType": "text/x.enum",
                    "responseSchema": {"type": "STRING", "enum": ["yes", "no"]},
                }
            },
        ),
    ],
)
def test_what_only_gemini_can_be_asked(target: str, feature: str, body: dict[str, Any]):
    assert feature in {*FORMATS["gemini"].losses.said_alone, *KEPT_BY_PROVIDER}
    contents = [{"role": "user", "parts": [{"text": "Hello"}]}]
    c = FORMATS["gemini"].read_request({"model": "m", "contents": contents, **body})
    assert lost(c, target) == [feature]
    assert lost(c, "gemini") == []
    empty = {key: None for key in body}
    c = FORMATS["gemini"].read_request({"model": "m", "contents": contents, **empty})
    assert lost(c, target) == []


@pytest.mark.parametrize(
    ("feature", "beside"),
    [
        ("videoMetadata", {"fps": 2}),
        ("mediaResolution", {"level": "MEDIA_RESOLUTION_HIGH"}),
    ],
)
def test_what_gemini_can_be_told_of_one_video(feature: str, beside: dict[str, Any]):
    part = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, feature: beside}
    body = {"model": "m", "contents": [{"role": "user", "parts": [part, {"text": "Hello"}]}]}
    c = FORMATS["gemini"].read_request(body)
    assert lost(c, "openai-chat") == [feature]
    assert lost(c, "gemini") == []


def test_thinking_that_a_chat_model_gets_is_not_reported():
    thought = Thinking(text="hm")
    call = ToolCall(id="c2", name="f", arguments="{}")
    calling = using(turns=(*PLAIN.turns, Turn(role="assistant", parts=(thought, call))))
    saying = USES["uncalled-thinking"]
    chat = FORMATS["openai-chat"]
    for c, said in ((calling, True), (saying, False), (replace(saying, takes_thinking=True), True)):
        assert ("hm" in str(chat.write_request(c))) == said
        assert ("uncalled-thinking" in lost(c, "openai-chat")) == (not said)


@pytest.mark.parametrize("target", sorted(CANNOT_SAY.keys() - {"anthropic"}))
@pytest.mark.parametrize(
    ("feature", "body"),
    [
        ("container", {"container": "container_x"}),
        ("container", {"container": {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}}),
        ("context_management", {"context_management": {"edits": [{"type": "x"}]}}),
        ("mcp_servers", {"mcp_servers": [{"type": "url", "url": "https://a.test", "name": "a"}]}),
        ("speed", {"speed": "fast"}),
        ("cache_control", {"cache_control": {"type": "ephemeral"}}),
    ],
)
def test_what_only_anthropic_can_be_asked(target: str, feature: str, body: dict[str, Any]):
    messages = [{"role": "user", "content": "Hello"}]
    plain = {"model": "m", "max_tokens": 9, "messages": messages}
    c = FORMATS["anthropic"].read_request({**plain, **body})
    assert lost(c, target) == [feature]
    assert lost(c, "anthropic") == []


@pytest.mark.parametrize("target", sorted(CANNOT_SAY.keys() - {"openai-responses"}))
@pytest.mark.parametrize(
    ("feature", "body"),
    [
        ("context_management", {"context_management": [{"type": "compaction"}]}),
        ("max_tool_calls", {"max_tool_calls": 3}),
        ("truncation", {"truncation": "auto"}),
    ],
)
def test_what_only_responses_can_be_asked(target: str, feature: str, body: dict[str, Any]):
    c = FORMATS["openai-responses"].read_request({"model": "m", "input": "Hello", **body})
    assert lost(c, target) == [feature]
    assert lost(replace(c, extra={"truncation": "disabled"}), target) == []


def test_a_name_is_lost_only_where_a_file_goes_without_it():
    data = {"media_type": "application/pdf", "data": "JVBERg=="}
    titled = replace(media("document", name="a.pdf", **data), format="anthropic")
    assert "file-names" in lost(replace(titled, format="openai-chat"), "gemini")
    assert lost(titled, "gemini") == [] and "a.pdf" in str(sent_parts(titled))
    words = media("document", name="a.txt", text="words")
    assert lost(words, "openai-chat") == []


def sent_parts(c: Conversation) -> Any:
    return FORMATS["gemini"].write_request(readable(c, "gemini"))["contents"]


ANNOTATION = {"type": "url_citation", "start_index": 0, "end_index": 5}
SOURCE_OF_WORDS = {"url": "https://a.test/x", "title": "T"}
HELLO: dict[str, Any] = {
    "openai-responses": {
        "type": "output_text",
        "text": "Hello",
        "annotations": [{**ANNOTATION, **SOURCE_OF_WORDS}],
    },
    "anthropic": {
        "type": "text",
        "text": "Hello",
        "citations": [{"type": "web_search_result_location", **SOURCE_OF_WORDS}],
    },
}


@pytest.mark.parametrize("target", sorted(CANNOT_SAY))
def test_sources_beside_the_words_of_a_history(target: str):
    first = {"role": "user", "content": "Hi"}
    said = {name: [first, {"role": "assistant", "content": [HELLO[name]]}, first] for name in HELLO}
    cited = [{"type": "url_citation", "url_citation": SOURCE_OF_WORDS}]
    chat = [first, {"role": "assistant", "content": "Hello", "annotations": cited}, first]
    bodies: dict[str, Any] = {
        "openai-responses": {"input": said["openai-responses"]},
        "anthropic": {"max_tokens": 9, "messages": said["anthropic"]},
        "openai-chat": {"messages": chat},
    }
    for name, body in bodies.items():
        c = FORMATS[name].read_request({"model": "m", **body})
        if FORMATS[target].losses.tools:
            assert lost(c, target) == ([] if target == name else ["citations"]), name


@pytest.mark.parametrize("target", sorted(CANNOT_SAY.keys() - {"openai-responses"}))
def test_the_phase_of_a_message(target: str):
    words = [{"type": "output_text", "text": "Hello"}]
    item = {"type": "message", "role": "assistant", "content": words}
    for phase, told in (("commentary", ["phase"]), (None, [])):
        asked = {
            "model": "m",
            "input": [{**item, "phase": phase}, {"role": "user", "content": "a"}],
        }
        c = FORMATS["openai-responses"].read_request(asked)
        assert [name for name in lost(c, target) if name == "phase"] == told
        assert "phase" not in lost(c, "openai-responses")


def test_speech_that_names_no_voice():
    contents = [{"role": "user", "parts": [{"text": "Hello"}]}]
    wish = {"contents": contents, "generationConfig": {"responseModalities": ["AUDIO", "TEXT"]}}
    c = replace(FORMATS["gemini"].read_request(wish), model="m")
    assert lost(c, "openai-chat") == ["speech"]
    assert "modalities" not in FORMATS["openai-chat"].write_request(c)
    assert lost(c, "anthropic") == ["audio-output"]


def test_stop_sequences_that_a_format_cannot_say_are_left_to_the_router():
    c = using(stop=("END", "\n"))
    assert {name: unsaid_stops(c, name) for name in FORMATS} == {
        **dict.fromkeys(FORMATS, ()),
        "openai-responses": ("END", "\n"),
        "anthropic": ("\n",),
    }
    assert unsaid_stops(c, SOURCE) == ()
    many = using(stop=tuple("abcdef"))
    assert unsaid_stops(many, "openai-chat") == ("e", "f")
    assert unsaid_stops(many, "gemini") == ("f",)
    assert unsaid_stops(many, "ollama") == ()
    for name, format in FORMATS.items():
        for asked in (c, many):
            said = format.read_request(format.write_request(asked)).stop
            assert sorted((*said, *unsaid_stops(asked, name))) == sorted(asked.stop)
            assert lost(asked, name) == lost(PLAIN, name)


def test_a_feature_is_told_once_and_in_order():
    turns = (*USES["cache_control"].turns, *USES["participant-names"].turns)
    c = using(turns=(*turns, *turns), seed=1, verbosity="low")
    assert lost(c, "anthropic") == ["participant-names", "seed", "verbosity"]
    assert list(features(c, "anthropic")).count("cache_control") == 2


WITHOUT = {
    "custom-tools": with_tool(),
    "strict-tools": with_tool(),
    "server-tools": PLAIN,
    "image-detail": USES["image-input"],
    "document-citations": media("document", text="words"),
    "file-names": media("document", media_type="application/pdf", data="JVBERg=="),
    "cache_control": with_part(Text(text="Hi")),
    "participant-names": using(turns=(Turn(role="user", parts=(Text(text="Hi"),)),)),
    "thinking-with-forced-tool": using(tool_choice=ToolChoice(mode="required")),
    "turns": ONE_QUESTION,
    "system": ONE_QUESTION,
    "reasoning": replace(ONE_QUESTION, max_tokens=4000),
}
"""The same conversation without the feature, where that is not the one without the part or
setting that brings it."""

COVERED = {
    "thinking": "unsigned-thinking",
    "uncalled-thinking": "unsigned-thinking",
    "speech": "audio-output",
    "audio-url": "audio-input",
    "audio-file-id": "audio-input",
    "video-url": "video-input",
    "video-file-id": "video-input",
}
"""Features whose loss is reported by the name of another."""


def without(feature: str) -> Conversation:
    if feature in WITHOUT:
        return WITHOUT[feature]
    turns = USES[feature].turns
    if len(turns) <= len(PLAIN.turns):
        return PLAIN
    turn = turns[len(PLAIN.turns)]
    return using(turns=(*PLAIN.turns, replace(turn, parts=turn.parts[:1]), *turns[5:]))


@pytest.mark.parametrize("feature", USES)
def test_what_is_reported_for_anthropic_is_what_is_not_written(feature: str):
    anthropic = FORMATS["anthropic"]
    written = anthropic.write_request(USES[feature])
    # What is told in part is written, and reported all the same.
    in_part = feature in ("provider-blocks-as-text", "server-tool-options", "document-types")
    is_lost = written == anthropic.write_request(without(feature)) or in_part
    assert is_lost == (COVERED.get(feature, feature) in lost(USES[feature], "anthropic"))
