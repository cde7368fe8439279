"""All parts whose size is varied, by name, each with the least of its sizes."""

from collections.abc import Iterator

from tests.sizes import requests
from tests.sizes import streams
from tests.sizes.measure import Maker

_FORMATS = list(requests.MODELS)


def _answers() -> Iterator[tuple[str, Maker, int]]:
    for number, kind in enumerate(streams.WELL_FORMED):
        for place, upstream in enumerate(_FORMATS):
            other = _FORMATS[(place + 1 + number % 4) % 5]
            for client, streamed in ((upstream, number % 2 > 0), (other, True)):
                how = "stream" if streamed else "JSON"
                name = f"answer: {kind}, {upstream} to {client} as {how}"
                yield name, streams.well_formed(upstream, client, streamed, kind), 60
            name = f"answer: {kind}, {upstream} to {other} from JSON"
            yield name, streams.as_document(upstream, other, kind), 60
    for upstream in _FORMATS:
        yield f"answer: small pieces, {upstream}", streams.in_small_pieces(upstream), 40
    for number, (kind, (upstream, _)) in enumerate(streams.WILD.items()):
        others = [one for one in _FORMATS if one != upstream]
        for client, streamed in ((upstream, True), (others[number % 4], number % 3 > 0)):
            how = "stream" if streamed else "JSON"
            name = f"answer: {kind}, {upstream} to {client} as {how}"
            yield name, streams.wild(kind, client, streamed), 60


def _requests() -> Iterator[tuple[str, Maker, int]]:
    for kind, maker in requests.HEADS.items():
        yield f"request: {kind} at the connection", maker, 100
    for kind, maker in requests.OTHERS.items():
        yield f"request: {kind}", maker, 60
    for number, kind in enumerate(requests.BODIES):
        for place, client in enumerate(_FORMATS):
            for upstream in (client, _FORMATS[(place + 1 + number % 4) % 5]):
                name = f"request: {kind}, {client} to {upstream}"
                yield name, requests.by_body(kind, client, upstream), 60


CASES: dict[str, tuple[Maker, int]] = {
    name: (maker, size) for name, maker, size in (*_requests(), *_answers())
}
CASES["answer: headers"] = requests.answered_head, 200
