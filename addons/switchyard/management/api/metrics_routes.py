"""The page that Prometheus reads."""

from fastapi import APIRouter
from fastapi import Request
from fastapi import Response

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.desk import Desk


def metrics_routes(desk: Desk) -> APIRouter:
    """Returns the route of the metrics, which has no prefix: scrapers expect it there."""
    routes = APIRouter(tags=["metrics"], responses=PROBLEMS)

    @routes.get("/metrics", response_class=Response)
    async def read_metrics(caller: Viewer, request: Request) -> Response:
        """Returns the metrics of all workers, in Prometheus' text format or OpenMetrics."""
        if desk.snapshot.config.metrics is None:
            raise ApiProblem(404, "Metrics are off (metrics: off).")
        try:
            body, content_type = await desk.measurements.page(request.headers.get("accept", ""))
        except ImportError:
            detail = "Metrics need the package prometheus-client: install switchyard[metrics]."
            raise ApiProblem(501, detail) from None
        return Response(body, media_type=content_type)

    return routes
