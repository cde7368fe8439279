"""Problems of the management API, as pages and clients of CLIProxyAPI read them."""

import json

from switchyard.management.refusals import problem_response


def test_a_problem() -> None:
    response = problem_response(401, "Send a key.")
    body = json.loads(response.content or b"")
    assert body["status"] == 401
    assert body["title"] == "Unauthorized"
    assert body["detail"] == body["error"] == "Send a key."
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == "Bearer"
