"""Makes the application of the management API from its routes."""

from typing import Any

from fastapi import APIRouter
from fastapi import Depends
from fastapi import FastAPI

from switchyard.management.api.action_routes import action_routes
from switchyard.management.api.block_routes import block_routes
from switchyard.management.api.cliproxyapi.routes import cliproxyapi_routes
from switchyard.management.api.config_routes import ConfigWriter
from switchyard.management.api.config_routes import config_routes
from switchyard.management.api.doorkeeper import Doorkeeper
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ProblemReport
from switchyard.management.api.errors import install_errors
from switchyard.management.api.event_routes import event_routes
from switchyard.management.api.exchange_routes import exchange_routes
from switchyard.management.api.import_routes import import_routes
from switchyard.management.api.key_routes import key_routes
from switchyard.management.api.login_routes import account_store
from switchyard.management.api.login_routes import login_routes
from switchyard.management.api.metrics_routes import metrics_routes
from switchyard.management.api.pages import serve_pages
from switchyard.management.api.parameters import refuse_repeats
from switchyard.management.api.parameters import refuse_unknown
from switchyard.management.api.preset_routes import preset_routes
from switchyard.management.api.record_routes import record_routes
from switchyard.management.api.session_routes import PATH
from switchyard.management.api.session_routes import session_routes
from switchyard.management.api.shared_reads import SharedReads
from switchyard.management.api.state_routes import state_routes
from switchyard.management.api.tool_routes import tool_routes
from switchyard.management.api.usage_routes import usage_routes
from switchyard.management.api.webhook_routes import webhook_routes
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.management.logins import Logins

VERSION = "0"


def create_app(desk: Desk, proof: str) -> FastAPI:
    """Returns the application; it takes only requests that have the `proof` of the proxy."""
    app = FastAPI(
        title="Switchyard management",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install_errors(app)
    api = APIRouter(prefix=PATH, dependencies=[Depends(refuse_repeats), Depends(refuse_unknown)])

    @api.get("/openapi.json", tags=["description"], responses=PROBLEMS)
    async def read_description(caller: Viewer) -> dict[str, object]:
        """Describes this API (OpenAPI 3.1)."""
        return described(app)

    changes = Changes(desk)
    writer = ConfigWriter(changes)
    logins = Logins(account_store)
    for routes in (
        session_routes(desk),
        state_routes(desk),
        event_routes(desk),
        usage_routes(desk),
        block_routes(desk),
        record_routes(desk),
        exchange_routes(desk),
        tool_routes(desk),
        action_routes(desk, changes),
        webhook_routes(desk, changes),
        key_routes(desk, changes),
        preset_routes(desk, changes),
        import_routes(desk, changes),
        login_routes(desk, changes, logins),
        cliproxyapi_routes(desk, changes, writer, logins),
        config_routes(desk, writer),
    ):
        api.include_router(routes)

    app.include_router(api)
    app.include_router(metrics_routes(desk))
    serve_pages(app)
    app.add_middleware(SharedReads)
    app.add_middleware(Doorkeeper, desk=desk, proof=proof)
    return app


def described(app: FastAPI) -> dict[str, Any]:
    """Returns the OpenAPI description of an application, with the model of problems."""
    description = app.openapi()
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    if "ProblemReport" not in schemas:
        whole = ProblemReport.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(whole.pop("$defs", {}))
        schemas["ProblemReport"] = whole
        description["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-Management-Key"},
        }
        description["security"] = [{"bearer": []}, {"key": []}]
        _require_if_match(description)
    return description


def _require_if_match(description: dict[str, Any]) -> None:
    """Marks the header as required: without it the answer is 428, not the framework's 422."""
    for methods in description["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "if-match":
                    parameter["required"] = True
                    parameter["schema"] = {"type": "string"}
