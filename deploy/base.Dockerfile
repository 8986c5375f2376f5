# What deploy/base-image adds to its start: the machine's own files, and Python where there is none yet.
ARG START
FROM ${START}
COPY machine/ /
RUN set -eu; \
    if ! command -v python3 >/dev/null; then \
        apt-get update -qq; \
        apt-get upgrade -y -qq; \
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv; \
        apt-get clean; \
        rm -rf /var/lib/apt/lists/* /var/log/*; \
    fi; \
    update-ca-certificates; \
    # No program here needs to raise its rights, and generated code must not.
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +; \
    python3 -c 'import sys, venv, ensurepip; assert sys.version_info[:2] == (3, 11), sys.version'; \
    # The public image comes without its library's bytecode: each start of Python would compile it anew.
    python3 -m compileall -q -j 0 -x '/(test|tests|lib2to3)/' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
CMD ["python3"]
