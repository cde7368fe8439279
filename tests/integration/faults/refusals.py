"""Answers with an error status: of the provider's making, or of the request's."""

import json
import time
from collections.abc import Callable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from email.utils import formatdate

from tests.integration.faults.catalogue import BAD_GATEWAY
from tests.integration.faults.catalogue import OVERLOADED
from tests.integration.faults.catalogue import WHY
from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import always
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import Fields
from tests.support.steps import Head
from tests.support.steps import Step
from tests.support.steps import whole

type _Headers = Callable[[], Sequence[tuple[str, str]]]

_KINDS = {
    "openai-chat": {
        400: "invalid_request_error",
        401: "invalid_request_error",
        402: "insufficient_quota",
        403: "permission_error",
        404: "invalid_request_error",
        408: "timeout",
        413: "invalid_request_error",
        422: "invalid_request_error",
        429: "rate_limit_exceeded",
    },
    "anthropic": {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        422: "invalid_request_error",
        429: "rate_limit_error",
        504: "timeout_error",
        529: "overloaded_error",
    },
}


def _kind(dialect: Dialect, status: int) -> str:
    other = "server_error" if dialect is CHAT else "api_error"
    return _KINDS[dialect.name].get(status, other)


def _refusal(
    name: str,
    status: int,
    message: str = "refused",
    headers: _Headers = tuple,
    *,
    shown: tuple[int, ...] = (),
    retry_after: range | None = None,
    request: bool = False,
    alone: bool = False,
    **more: object,
) -> Fault:
    """An error answer in the upstream's format; `shown` is the client's status if it is another."""

    def play(dialect: Dialect, recorded: object, seen: object) -> Behaviour:
        said = f"{message}: {WHY}"
        return refusing(dialect, status, _kind(dialect, status), said, headers(), **more)

    return Fault(
        name=name,
        sort="request" if request else "before",
        play=play,
        status=shown or (status,),
        told=True,
        retry_after=retry_after,
        alone=alone,
    )


def _page(name: str, status: int) -> Fault:
    """An error page as proxies make them."""
    html = f"<html><head><title>{status}</title></head><body>{BAD}</body></html>".encode()
    play = always(whole(html, status, "text/html"))
    return Fault(name=name, sort="before", play=play, status=(status,))


_ERROR_HEAD = (("content-type", "application/json"), ("content-length", "400"))


def _unfinished(name: str, status: int, *then: Step, headers: Fields = ()) -> Fault:
    """An error of which the status comes, and not the body: it means what the status says."""
    play = always((Head(status, (*_ERROR_HEAD, *headers)), b'{"error": {', *then))
    return Fault(name=name, sort="before", play=play, status=(status,))


def _in(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat(timespec="milliseconds")


def _retry_info(dialect: Dialect, recorded: object, seen: object) -> Behaviour:
    """How Google's OpenAI-compatible endpoint refuses (google.rpc.RetryInfo)."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "90s"}
    error = {"code": 429, "message": f"quota: {WHY}", "status": "RESOURCE_EXHAUSTED"}
    body = {"error": {**error, "details": [detail]}}
    return whole(json.dumps([body]).encode(), 429)


def _redirect(status: int) -> Fault:
    head = Head(status, (("location", f"http://127.0.0.1:9/{BAD}"), ("content-length", "0")))
    return Fault(
        name=f"redirect-{status}", sort="before", play=always((head,)), status=(BAD_GATEWAY,)
    )


_NEVER = "Fri, 31 Dec 9999 23:59:59 GMT"


def _epoch(seconds: float) -> str:
    return str(round((time.time() + seconds) * 1000))


FAULTS = [
    # The history cannot be read: another member may
    _refusal(
        "unread-signature", 400, "messages.1.content.0: Invalid `signature` in `thinking` block"
    ),
    _refusal("unread-thinking", 400, "The `reasoning_content` must be passed back to the API"),
    _refusal("unread-call", 400, "No tool call found for function call output with call_id c"),
    _refusal("unread-item", 404, "Item with id 'rs_1' not found. Items are not persisted"),
    _refusal("unread-roles", 422, "roles must alternate between user and assistant"),
    # Quota, in each style of saying until when; some of the time passes before a client is told
    _refusal(
        "429-seconds", 429, headers=lambda: [("retry-after", "70")], retry_after=range(40, 71)
    ),
    _refusal(
        "429-date",
        429,
        headers=lambda: [("retry-after", formatdate(time.time() + 300, usegmt=True))],
        retry_after=range(270, 302),
    ),
    _refusal(
        "429-milliseconds",
        429,
        headers=lambda: [("retry-after-ms", "45500")],
        retry_after=range(15, 47),
    ),
    _refusal(
        "429-openai-reset",
        429,
        headers=lambda: [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "80s"),
            ("x-ratelimit-remaining-tokens", "90000"),
            ("x-ratelimit-reset-tokens", "100ms"),
        ],
        retry_after=range(50, 81),
    ),
    _refusal(
        "429-anthropic-reset",
        429,
        headers=lambda: [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", _in(200).replace("+00:00", "Z")),
        ],
        retry_after=range(170, 202),
    ),
    _refusal(
        "429-openrouter-reset",
        429,
        headers=lambda: [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", _epoch(120))],
        retry_after=range(90, 122),
    ),
    _refusal("429-in-words", 429, "Please try again in 65.5s", retry_after=range(35, 67)),
    Fault(
        name="429-retry-info",
        sort="before",
        play=_retry_info,
        status=(429,),
        told=True,
        retry_after=range(60, 91),
    ),
    _refusal("429-without-a-term", 429),
    _page("429-html", 429),
    Fault(
        name="429-no-body",
        sort="before",
        play=always(whole(b"", 429, headers=(("retry-after", "50"),))),
        status=(429,),
        retry_after=range(20, 51),
    ),
    # The provider's fault
    _refusal("401", 401, "no such key"),
    _refusal("402", 402, "out of credit"),
    _refusal("403", 403, "forbidden"),
    _refusal("404-model", 404, "the model does not exist", code="model_not_found"),
    _page("404-html", 404),
    _refusal("407", 407, "a password, please", shown=(BAD_GATEWAY,)),
    _refusal("408", 408, "took too long"),
    _refusal("418", 418, "no coffee"),
    _refusal("424", 424, "generation failed"),
    _refusal("444", 444),
    _refusal("777", 777, shown=(BAD_GATEWAY,)),
    _refusal("500", 500),
    _refusal("502", 502),
    _refusal("503", 503, headers=lambda: [("retry-after", "60")], retry_after=range(30, 61)),
    _refusal("504", 504),
    _refusal("529", 529, "Overloaded", shown=OVERLOADED),
    _page("500-html", 500),
    _page("502-html", 502),
    _page("503-html", 503),
    _page("520-html", 520),
    _redirect(301),
    _redirect(302),
    _redirect(307),
    _redirect(308),
    _refusal(
        "503-date-of-another-age",
        503,
        headers=lambda: [("retry-after", _NEVER)],
        retry_after=range(60, 3601),
    ),
    # The body of the error does not come
    _unfinished("401-body-hangs", 401, HANG),
    _unfinished("401-body-reset", 401, RESET),
    _unfinished("402-body-cut", 402, CUT),
    _unfinished("429-body-hangs", 429, HANG, headers=(("retry-after", "7"),)),
    _unfinished("429-body-drips", 429, Drip((b" ",), 0.02, endless=True)),
    _unfinished("503-body-is-no-gzip", 503, b"x" * 389, headers=(("content-encoding", "gzip"),)),
    _unfinished("500-encoded-strangely", 500, b"x" * 389, headers=(("content-encoding", "x"),)),
    # The request's fault
    _refusal("400", 400, "messages: field required", request=True),
    _refusal("400-content-policy", 400, "flagged", request=True, code="content_policy_violation"),
    _refusal("413", 413, "too large", request=True),
    _refusal("422", 422, "temperature: out of range", request=True),
    _refusal(
        "400-context-length",
        400,
        "prompt is too long: 210000 tokens > 200000 maximum",
        request=True,
        alone=True,
        code="context_length_exceeded",
    ),
]
