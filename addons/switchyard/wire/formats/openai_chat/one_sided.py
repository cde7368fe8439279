"""What formats have in common that only clients speak, or only providers."""

from switchyard.wire.format import Format
from switchyard.wire.formats.openai_chat import OpenAIChat


class OneSided(OpenAIChat):
    """A format of which what the other side needs is that of Chat Completions.

    Nothing else of Chat Completions is its own: no endpoint, no dialect, no words to look for.
    """

    tagged_thinking = False
    endpoints = ()
    own_endpoints = ()
    client_headers = ()
    services = None
    request_marks = ()
    reply_marks = ()
    embeddings = None
    proof_marks = ()

    with_usage = Format.with_usage
    normalise = staticmethod(Format.normalise)
    mend_reply = staticmethod(Format.mend_reply)
    glance = staticmethod(Format.glance)
    with_proofs = staticmethod(Format.with_proofs)
