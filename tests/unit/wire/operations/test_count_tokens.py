"""Token counts: asked of providers in their own words, and estimated."""

import base64
import statistics
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.count_tokens import Calibration
from switchyard.wire.operations.count_tokens import Counting
from switchyard.wire.operations.count_tokens import estimate
from switchyard.wire.operations.count_tokens import image_size
from switchyard.wire.operations.count_tokens import image_tokens
from switchyard.wire.registry import FORMATS
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import records
from tests.unit.wire.corpus import replies

ANTHROPIC, GEMINI = FORMATS["anthropic"], FORMATS["gemini"]
MESSAGES = [{"role": "user", "content": "What is two and two?"}]


def tokens(model: str = "claude-x", **body: Any) -> int:
    said = ANTHROPIC.read_request({"model": model, "messages": MESSAGES, **body})
    return estimate(said, model)


def counting(body: dict[str, Any], client: Any = ANTHROPIC) -> Counting:
    return Counting(client, body, Calibration())


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 1000, 750) + b"\x08\x06\0\0\0"
GIF = b"GIF89a" + struct.pack("<HH", 320, 200) + b"\0" * 10
JPEG = b"\xff\xd8\xff\xe0\0\x10" + b"J" * 14 + b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 480, 640)
WEBP = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (799).to_bytes(3, "little") + b"\x57\x02\0" * 2
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0/" + (99 | 49 << 14).to_bytes(4, "little") + b"\0" * 8
WEBP_PLAIN = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 550, 368)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (PNG, (1000, 750)),
        (GIF, (320, 200)),
        (JPEG + b"\0" * 9, (640, 480)),
        (WEBP, (800, 600)),
        (WEBP_LOSSLESS, (100, 50)),
        (WEBP_PLAIN, (550, 368)),
        (b"BM nothing we know", None),
        (b"\xff\xd8\xff", None),
        (b"", None),
    ],
)
def test_sizes_of_images(data: bytes, size: tuple[int, int] | None) -> None:
    assert image_size(encoded(data)) == size


def test_tokens_of_images() -> None:
    assert image_tokens(encoded(PNG)) == 1000
    huge = PNG.replace(struct.pack(">II", 1000, 750), struct.pack(">II", 9000, 9000))
    assert image_tokens(encoded(huge)) == 1600
    assert image_tokens(None) == image_tokens("%%%") == 1200


@given(st.binary(max_size=60), st.sampled_from([PNG, GIF, JPEG, WEBP]))
def test_broken_images_have_some_tokens(noise: bytes, image: bytes) -> None:
    assert 1 <= image_tokens(encoded(image[: len(noise)] + noise)) <= 1600


def test_everything_counts() -> None:
    plain = tokens()
    assert 5 < plain < 25
    assert tokens(system="Be brief and friendly to everybody.") > plain + 5
    tool = {"name": "f", "description": "words", "input_schema": {"type": "object"}}
    assert tokens(tools=[tool]) > plain + 300
    assert tokens("glm-4.7", tools=[tool]) < plain + 100
    image = {"type": "base64", "media_type": "image/png", "data": encoded(PNG)}
    shown = [{"role": "user", "content": [{"type": "image", "source": image}]}]
    assert tokens(messages=shown) > 1000
    in_result = [{"type": "tool_result", "tool_use_id": "1", "content": shown[0]["content"]}]
    call = [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": "b" * 400}}]
    talk = [
        *MESSAGES,
        {"role": "assistant", "content": call},
        {"role": "user", "content": in_result},
    ]
    assert tokens(messages=talk) > 1000 + 90
    pdf = {"type": "base64", "media_type": "application/pdf"}
    pdf["data"] = encoded(b"%PDF /Type /Pages /Type /Page /Type/Page ")
    document = [{"role": "user", "content": [{"type": "document", "source": pdf}]}]
    assert 4000 <= tokens(messages=document) < 4100


def test_dense_scripts_have_more_tokens_a_character() -> None:
    def of(text: str) -> int:
        return tokens(messages=[{"role": "user", "content": text}])

    assert of("二" * 100) > of("и" * 100) > of("i" * 100)


def test_anthropic_is_asked_with_the_clients_own_body() -> None:
    body = {"model": "mine", "messages": MESSAGES, "thinking": {"type": "adaptive"}}
    asked = counting(body)
    assert asked.formats == {"anthropic"}
    assert asked.path("anthropic", "theirs") == "/messages/count_tokens"
    assert asked.write("anthropic", "theirs") == {**body, "model": "theirs"}
    assert asked.write("anthropic", "mine") is body
    assert asked.read("anthropic", {"input_tokens": 0}).body is None
    with pytest.raises(BadReply):
        asked.read("anthropic", {"totalTokens": 1})


def test_gemini_is_asked_in_both_of_its_shapes() -> None:
    contents = {"contents": [{"parts": [{"text": "Well?"}]}]}
    plain = counting(contents, GEMINI)
    assert plain.path("gemini", "g-3") == "/models/g-3:countTokens"
    assert plain.write("gemini", "g-3") is contents
    wrapped = {"generateContentRequest": {"model": "models/mine", **contents}}
    asked = counting(wrapped, GEMINI)
    inner = asked.write("gemini", "g-3")["generateContentRequest"]
    assert inner == {"model": "models/g-3", **contents}
    assert asked.estimate("g-3") == plain.estimate("g-3")
    assert plain.read("gemini", {}).body is None  # a zero
    with pytest.raises(BadReply):
        plain.read("gemini", {"promptTokensDetails": [{}]})


def test_an_estimate_of_a_wrong_request_says_what_is_wrong() -> None:
    with pytest.raises(BadRequest):
        counting({"model": "m", "messages": "no"}).estimate("m")


def test_estimates_follow_what_providers_tell() -> None:
    learned = Calibration(pause=10)
    assert not learned.wants("m", 0.0)
    learned.observe("m", 100, 150, 0.0)  # nobody asked for this model
    assert learned.corrected("m", 100) == 100
    assert learned.wants("m", 0.0)
    learned.observe("m", 100, 150, 0.0)
    assert not learned.wants("m", 9.0) and learned.wants("m", 10.0)
    assert learned.corrected("m", 100) == 125
    for moment in range(40):
        learned.observe("m", 100, 150, float(moment))
    assert learned.corrected("m", 100) == 150
    learned.observe("m", 1, 10**9, 50.0)  # an outlier moves it, but not far
    assert learned.corrected("m", 100) <= 200
    learned.observe("m", 0, 5, 60.0)
    assert learned.corrected("other", 7) == 7


def test_only_so_many_models_are_remembered() -> None:
    learned = Calibration(most=2)
    for model in ("a", "b", "c"):
        learned.corrected(model, 1)
    assert not learned.wants("a", 0.0) and learned.wants("c", 0.0)


@given(st.lists(st.tuples(st.integers(-5, 10**6), st.integers(-5, 10**9)), max_size=50))
def test_a_correction_stays_within_bounds(seen: list[tuple[int, int]]) -> None:
    learned = Calibration()
    learned.corrected("m", 1)
    for guessed, told in seen:
        learned.observe("m", guessed, told, 0.0)
    assert 299 <= learned.corrected("m", 1000) <= 3001


@needs_corpus
@pytest.mark.parametrize("name", ["anthropic", "openai-chat", "openai-responses", "gemini"])
def test_estimates_are_close_to_what_providers_counted(name: str) -> None:
    """Of requests in words: media are recorded as one pixel, and tools at the provider add what
    nobody sees."""
    format = FORMATS[name]
    ratios: list[float] = []
    for record in replies(name):
        if record.request is None or not {"usage", "usageMetadata"} & record.response.keys():
            continue
        said = format.read_request(record.request)
        usage = format.read_reply(record.response).usage
        unseen = any(t.kind == "server" for t in said.tools)
        media = any(type(part).__name__ == "Media" for part in said.parts())
        if usage and usage.input and not unseen and not media:
            ratios.append(usage.input / estimate(said, said.model))
    assert len(ratios) > 50
    assert 0.8 < statistics.median(ratios) < 1.25


@needs_corpus
@pytest.mark.parametrize("name", ["anthropic", "gemini"])
def test_recorded_counts(name: str) -> None:
    counted = [r for r in records(f"{name}-count-tokens") if r.status < 400]
    assert counted
    for record in counted:
        assert record.request
        asked = counting({"model": f"{name}-x", **record.request}, FORMATS[name])
        assert asked.read(name, record.response).body is None
        (told,) = [v for k, v in record.response.items() if k in ("input_tokens", "totalTokens")]
        model = "claude-x" if name == "anthropic" else "gemini-x"
        (guess,) = asked.estimate(model).values()
        assert abs(guess - told) <= max(10, 0.6 * told), record.id
    for record in records(f"{name}-count-tokens"):
        if record.status >= 400:
            assert FORMATS[name].find_error(record.response) is not None
