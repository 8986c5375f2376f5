# The gateway, the scheduler, the executor, the projector and the deliverer of webhooks: one image, the command says which.
ARG BASE=podium-base:bookworm

FROM ${BASE} AS builder
# Which of requirements/: services, or kubernetes for an executor whose attempts are Jobs of a cluster.
ARG REQUIREMENTS=services
# Where both possible bases keep the certificates that the system trusts; pip brings its own list otherwise.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# pip stays outside the environment that it fills.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
COPY requirements/${REQUIREMENTS}.txt /tmp/services.txt
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --no-compile --require-hashes --only-binary :all: -r /tmp/services.txt
# No program reads the libraries' own tests, what compilers read, or symbols.  Libraries that wheels brought
# along were moved about by their tools and do not bear to be stripped.
# Bytecode is never checked against its source again: nothing in a read-only image changes.
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils
RUN find /opt/venv -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/venv/lib -type f -regextype egrep -regex '.*\.(h|hpp|c|cpp|pyi|pyx|pxd|pxi)' -delete \
    && find /opt/venv/lib -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} + \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
COPY events/ /app/events/
COPY services/ /app/services/
COPY cli/ /app/cli/
COPY podium/ /app/podium/
# The command line reads its version there.
COPY pyproject.toml /app/
COPY sql/ /app/sql/
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
LABEL org.opencontainers.image.title="podium-services" \
      org.opencontainers.image.description="Podium's gateway, scheduler, executor, projector and webhooks, and its command line." \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin podium
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
ENV HOME=/tmp \
    PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER podium
# For example: docker run podium-services:local services.gateway
ENTRYPOINT ["/opt/venv/bin/python", "-m"]
