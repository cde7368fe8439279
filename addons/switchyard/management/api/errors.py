"""Answers every failed request of the API with a problem (RFC 9457)."""

from fastapi import FastAPI
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from switchyard.config.editing.pieces import NotEditable
from switchyard.config.problems import ConfigError
from switchyard.management.refusals import PROBLEM_TYPE
from switchyard.management.refusals import problem_members


class ProblemDetail(BaseModel):
    """One of several problems of a request or a configuration."""

    key: str
    """The dotted path of the key or parameter."""
    message: str
    line: int | None = None
    hint: str = ""


class ProblemReport(BaseModel):
    """Why a request failed (RFC 9457); `error` repeats `detail` for clients of CLIProxyAPI."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str
    problems: list[ProblemDetail] | None = None


def details_of(error: ConfigError) -> list[ProblemDetail]:
    """Return the problems of a configuration, as a report has them."""
    return [
        ProblemDetail(key=one.key, message=one.message, line=one.line, hint=one.hint)
        for one in error.problems
    ]


class ApiProblem(Exception):
    """Ends a request of the API with a problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        problems: list[ProblemDetail] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = problems
        self.headers = headers or {}


def _described(status: int, meaning: str) -> dict[str, object]:
    schema = {"$ref": "#/components/schemas/ProblemReport"}
    return {status: {"description": meaning, "content": {PROBLEM_TYPE: {"schema": schema}}}}  # type: ignore[dict-item]


PROBLEMS: dict[int | str, dict[str, object]] = {
    **_described(400, "The request cannot be read."),  # type: ignore[dict-item]
    **_described(401, "A key or a session is needed."),  # type: ignore[dict-item]
    **_described(403, "The caller may not do this."),  # type: ignore[dict-item]
    **_described(404, "There is no such thing."),  # type: ignore[dict-item]
    **_described(422, "A parameter or the body is wrong."),  # type: ignore[dict-item]
    **_described(503, "Try again later."),  # type: ignore[dict-item]
}
"""What every route may answer besides its own."""


CHANGES: dict[int | str, dict[str, object]] = {
    **PROBLEMS,
    **_described(409, "The file is read-only."),  # type: ignore[dict-item]
    **_described(412, "The file has changed since it was read."),  # type: ignore[dict-item]
    **_described(428, "If-Match is missing."),  # type: ignore[dict-item]
}
"""What a route that changes the configuration may answer besides its own."""


def problem_json(
    status: int,
    detail: str,
    problems: list[ProblemDetail] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Returns a problem as a response."""
    members = problem_members(status, detail)
    if problems is not None:
        members["problems"] = [one.model_dump() for one in problems]
    headers = {"cache-control": "no-store", **(headers or {})}
    return JSONResponse(members, status, headers, media_type=PROBLEM_TYPE)


def _is_json(request: Request) -> bool:
    """Whether a request says that its body is JSON; another one's is not read as such."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def install_errors(app: FastAPI) -> None:
    """Has all errors of an application answered with problems."""

    @app.exception_handler(ApiProblem)
    async def of_api(_: Request, e: ApiProblem) -> JSONResponse:
        return problem_json(e.status, e.detail, e.problems, e.headers)

    @app.exception_handler(HTTPException)
    async def of_framework(_: Request, e: HTTPException) -> JSONResponse:
        return problem_json(e.status_code, str(e.detail), headers=dict(e.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, e: RequestValidationError) -> JSONResponse:
        # Without the input, which may be a secret.
        if any(one["loc"][-1:] == ("section",) and one["loc"][0] == "path" for one in e.errors()):
            return problem_json(404, "There is no such route or section; openapi.json has all.")
        hint = "" if _is_json(request) else "Send the header Content-Type: application/json."
        problems = [
            ProblemDetail(
                key=".".join(map(str, one["loc"])),
                message=one["msg"],
                hint=hint if one["loc"] == ("body",) else "",
            )
            for one in e.errors()
        ]
        return problem_json(422, "The request is not valid.", problems)

    @app.exception_handler(NotEditable)
    async def of_broken_file(_: Request, e: NotEditable) -> JSONResponse:
        # An editor left it so; the router goes on with what was in force.
        how = "PUT config.yaml or POST versions/ID/restore mends it."
        return problem_json(503, f"The configuration file cannot be read: {e}. {how}")

    @app.exception_handler(ConfigError)
    async def of_wrong_file(_: Request, e: ConfigError) -> JSONResponse:
        return problem_json(503, "A file of the configuration is not valid.", details_of(e))

    @app.exception_handler(Exception)
    async def of_mistake(_: Request, e: Exception) -> JSONResponse:
        kind = type(e).__name__  # the server of the API logs the rest
        return problem_json(500, f"The router failed ({kind}); its log has more.")
