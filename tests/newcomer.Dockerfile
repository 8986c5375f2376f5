# The machine of somebody who meets Podium for the first time: Debian with Python, git and make, and neither
# a Docker daemon nor OpenMP's library.  `docker build -t podium-newcomer:local - < tests/newcomer.Dockerfile`
ARG BASE=podium-base:bookworm
FROM ${BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends git make ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home newcomer
USER newcomer
WORKDIR /home/newcomer
CMD ["bash"]
