# What one attempt runs in: the agent, its libraries and nothing to build with.
ARG BASE=podium-base:bookworm

FROM ${BASE} AS builder
# Where both possible bases keep the certificates that the system trusts; pip brings its own list otherwise.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# pip stays outside the environment that it fills.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
COPY requirements/agent.txt /tmp/agent.txt
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --no-compile --require-hashes --only-binary :all: -r /tmp/agent.txt
# An eighth of the image would be what no program reads: the libraries' own tests, what compilers read, and symbols.
# Libraries that wheels brought along were moved about by their tools and do not bear to be stripped.
# Bytecode is never checked against its source again: nothing in a read-only image changes.
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils
RUN find /opt/venv -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/venv/lib -type f -regextype egrep -regex '.*\.(h|hpp|c|cpp|pyi|pyx|pxd|pxi)' -delete \
    && find /opt/venv/lib -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} + \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
COPY agent/ /app/agent/
COPY events/__init__.py events/progress.py /app/events/
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
LABEL org.opencontainers.image.title="podium-agent" \
      org.opencontainers.image.description="Runs one attempt at a Kaggle competition and prints its progress as JSON lines." \
      org.opencontainers.image.licenses="MIT"
# LightGBM's wheel leaves OpenMP's library to the system.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libgomp1 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/*
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin agent \
    && mkdir /output && chown agent:agent /output
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
# The root may be mounted read-only: every cache goes to /tmp, and Python writes no bytecode.
ENV HOME=/tmp \
    MPLBACKEND=Agg \
    MPLCONFIGDIR=/tmp/matplotlib \
    XDG_CACHE_HOME=/tmp/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER agent
ENTRYPOINT ["/opt/venv/bin/python", "-m", "agent"]
