FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /app
COPY requirements.lock .
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary=:all: \
        -r requirements.lock

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# mitmproxy keeps its certificate authority in ~/.mitmproxy; a volume there keeps it over updates.
RUN useradd --create-home --uid 10001 switchyard \
    && install -d -o switchyard -g switchyard -m 700 /home/switchyard/.mitmproxy
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY config config
COPY scripts/launch.py scripts/healthcheck.py scripts/
COPY addons addons
ENV PATH="/app/.venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8787
USER 10001
EXPOSE 8787
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-I", "/app/scripts/healthcheck.py"]
# Arguments after the image's name go to the router as to scripts/start.
ENTRYPOINT ["python", "-P", "/app/scripts/launch.py"]
