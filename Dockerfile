FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /app
COPY requirements-image.lock .
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary=:all: \
        -r requirements-image.lock

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# psycopg takes the system's libpq.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/*
# Volumes keep these over updates: mitmproxy's certificate authority, and the router's records.
RUN useradd --create-home --uid 10001 switchyard \
    && install -d -o switchyard -g switchyard -m 700 /home/switchyard/.mitmproxy \
        /home/switchyard/.local
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY config config
COPY scripts/launch.py scripts/healthcheck.py scripts/
COPY addons addons
# Beside the code, so that a folder mounted at /app/config hides no table of this version.
COPY config/shipped addons/switchyard/shipped
# Nobody can write bytecode later: without it, and without the standard library's, which the base
# image leaves out, each start would compile a thousand modules.
RUN python -m compileall -q -x site-packages addons \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# `docker exec ROUTER switchyard usage` and the other commands.
RUN printf '#!/bin/sh\nexec python -P /app/scripts/launch.py "$@"\n' >/usr/local/bin/switchyard \
    && chmod 755 /usr/local/bin/switchyard
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
