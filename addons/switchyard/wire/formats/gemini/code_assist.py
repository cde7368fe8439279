"""Implements Gemini in an envelope: the API behind Gemini CLI's Google login.

Source: google-gemini/gemini-cli, `packages/core/src/code_assist/converter.ts`. A request is
`{"model", "project", "user_prompt_id", "request": {...}}`, a response and every chunk of a stream
`{"response": {...}}`; the content is the Gemini API's. Errors are Google's own, without an
envelope.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.format import Asked
from switchyard.wire.format import Endpoint
from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.formats.gemini.errors import write_error
from switchyard.wire.formats.gemini.paths import METHODS
from switchyard.wire.formats.gemini.paths import method_named
from switchyard.wire.formats.gemini.proofs import with_proofs
from switchyard.wire.formats.gemini.sealed import without_sealed
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader
from switchyard.wire.formats.gemini.stream_writer import GeminiStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.proofs import Keeps

NAME = "gemini-code-assist"

_PATH = re.compile(r"/v\d+internal:(\w+)", re.IGNORECASE)


class CodeAssist(Gemini):
    """Implements the format `gemini` in its envelope, for clients only."""

    name = NAME
    auth = "bearer"
    client_headers = ()
    request_marks = ()
    reply_marks = ()

    @property
    def provider_format(self) -> str:
        return Gemini.name

    def read_endpoint(self, path: str, query: str) -> Endpoint | None:
        """Reads the method from the path and the model from the body."""
        found = _PATH.fullmatch(path)
        method = method_named(found[1]) if found else None
        if method is None:
            return None
        array = method == "streamGenerateContent" and parse_qs(query).get("alt") != ["sse"]
        return Endpoint(METHODS[method], self, array=array, method=method)

    def is_client(self, headers: Mapping[str, str], path: str) -> bool:
        return False

    def unwrap(self, body: JsonObject) -> JsonObject:
        return object_of(body.get("request"))

    def model_of(self, body: JsonObject) -> object:
        if "model" in body:
            return body["model"]
        named = self.unwrap(body).get("model")
        return named.removeprefix("models/") if isinstance(named, str) else named

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        return path.partition("?")[0].endswith(":streamGenerateContent")

    def without_sealed(self, body: JsonObject) -> JsonObject:
        inner = body.get("request")
        if not isinstance(inner, dict) or (kept := without_sealed(inner)) is inner:
            return body
        return {**body, "request": kept}

    def with_proofs(self, body: JsonObject, keeps: Keeps) -> JsonObject:
        inner = body.get("request")
        if not isinstance(inner, dict) or (kept := with_proofs(inner, keeps)) is inner:
            return body
        return {**body, "request": kept}

    def read_request(self, body: JsonObject) -> Conversation:
        return super().read_request(opened(body))

    def read_reply(self, body: JsonObject) -> Reply:
        inner = body.get("response")
        if not isinstance(inner, dict):
            raise BadReply("the body has no response")
        return super().read_reply(inner)

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return {"response": super().write_reply(reply, asked)}

    def stream_reader(self) -> "CodeAssistReader":
        return CodeAssistReader()

    def stream_writer(self, asked: Asked) -> "CodeAssistWriter":
        return CodeAssistWriter(asked, "array" if asked.array else "sse")


class CodeAssistReader(GeminiStreamReader):
    """Reads chunks of `response`."""

    def opened(self, chunk: JsonObject) -> JsonObject:
        inner = chunk.get("response")
        return inner if isinstance(inner, dict) else chunk


class CodeAssistWriter(GeminiStreamWriter):
    """Writes chunks of `response`."""

    def _frame(self, data: bytes) -> bytes:
        return super()._frame(b'{"response":%b}' % data)

    def _fail(self, error: ApiError) -> bytes:
        return super()._frame(dumps(write_error(error)[1])) + self._end()


def opened(body: JsonObject) -> JsonObject:
    """Returns a request without its envelope, as a body of the Gemini API.

    Adds the envelope's model and stream flag, if it has them. Raises BadRequest if the envelope is
    empty.
    """
    inner = body.get("request")
    if not isinstance(inner, dict):
        raise BadRequest("'request' must be an object with contents", "request")
    return {**inner, **{name: body[name] for name in ("model", "stream") if name in body}}
