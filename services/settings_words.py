"""What each setting means, in a sentence: the part of ``docs/operations.md`` that no code can tell."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "ANTHROPIC_API_KEY": "Claude's key; without one the agent works from templates.",
    "ANTHROPIC_BASE_URL": "Another base URL for Anthropic's API, as the executor reaches it.",
    "DATABASE_URL": "Where the rows are: `postgresql://…`; holds a password.",
    "DOCKER_HOST": "Docker's socket or address, where it is not the usual one.",
    "KAGGLE_API_ENDPOINT": "Another base URL for Kaggle's API, as the executor reaches it.",
    "KAGGLE_KEY": "The key that competitions are fetched and answers submitted with.",
    "KAGGLE_USERNAME": "The name that the key is of.",
    "NATS_URL": "Where the log is; several servers with commas between them; may hold a password.",
    "PODIUM_AGENT_IMAGE": "The image that attempts run in.",
    "PODIUM_API_KEYS": "`required` or `off`; unset: required unless only this machine reaches the gateway.",
    "PODIUM_ARTIFACT_DAYS": "Days that the files of jobs are kept; 0: for ever.",
    "PODIUM_ATTEMPT_LIMIT_S": "An attempt is stopped after this long; a job may ask for less.",
    "PODIUM_BUDGET_S": "The time that an agent plans its work for, where the job asks for none.",
    "PODIUM_COMPETITIONS_DIR": "Local competitions (`local:<slug>`), in MLE-bench's prepared layout.",
    "PODIUM_CORS_ORIGINS": "Origins whose pages may use the gateway from a browser, with commas.",
    "PODIUM_CPUS": "Processors of each attempt, at most what its host has.",
    "PODIUM_DISK_BYTES_MAX": "An attempt whose files take more of the host's disk is stopped.",
    "PODIUM_DOCKER_RUNTIME": "Another runtime of Docker's for attempts, such as `runsc`.",
    "PODIUM_DOLLARS": "What calls to a language model may cost for a job, in US dollars.",
    "PODIUM_DRAIN_S": "At SIGTERM attempts have so long for their end before they are handed over; 0: none.",
    "PODIUM_EGRESS_DIR": "The folder of the sockets that lead attempts out; unset: in the work folder.",
    "PODIUM_EXECUTOR_ID": "This executor's name, the same after a restart and no other's; unset: the host's.",
    "PODIUM_HANDOVER_S": "The lease of attempts whose executor said that it hands them over.",
    "PODIUM_HOST": "The address that the gateway listens on.",
    "PODIUM_KUBERNETES_COMPETITIONS_CLAIM": "The volume claim that holds local competitions.",
    "PODIUM_KUBERNETES_DOOR": "Host and port by which pods reach their executor.",
    "PODIUM_KUBERNETES_NAMESPACE": "The namespace of attempts.",
    "PODIUM_KUBERNETES_PENDING_S": "A pod that has not started by then is given up.",
    "PODIUM_KUBERNETES_RUNTIME_CLASS": "The RuntimeClass of attempts' pods.",
    "PODIUM_KUBERNETES_USER_NAMESPACES": "`on`: pods get user namespaces of their own.",
    "PODIUM_LEASE_S": "An executor that is silent for longer has lost its attempts.",
    "PODIUM_LOG_BYTES": "Bytes of log lines that are kept in all.",
    "PODIUM_LOG_DAYS": "Days that log lines are kept; 0: for ever.",
    "PODIUM_MAX_RUNNING": "Attempts at once, over all executors.",
    "PODIUM_MEMORY_BYTES": "Bytes of memory of each attempt, at most what its host has.",
    "PODIUM_METRICS_OPEN": "`1`: `/metrics` asks for no key.",
    "PODIUM_MODEL": "The model of Anthropic's that is asked.",
    "PODIUM_MODEL_CODE": "`refuse` or `allow` scripts that a model wrote; unset: where they are kept in.",
    "PODIUM_NATS_CA_FILE": "Certificates (PEM) that NATS' own is checked by; unset: the system's.",
    "PODIUM_NATS_CERT_FILE": "The certificate that is shown to NATS.",
    "PODIUM_NATS_KEY_FILE": "The key of that certificate.",
    "PODIUM_NATS_REPLICAS": "Copies of each stream that is made: 3 in a cluster.",
    "PODIUM_PORT": "The port that the gateway listens on.",
    "PODIUM_PROXY_HEADER": "The header in which proxies name a client: `x-forwarded-for` or `forwarded`.",
    "PODIUM_PULSE_FILE": "A file that is touched while the service keeps up with the log.",
    "PODIUM_READS_PER_MINUTE": "How often a client may ask in any minute; 0: no limit.",
    "PODIUM_READ_ONLY": "`1`: show a log, take no jobs and cancel none.",
    "PODIUM_RETRY_DELAYS_S": "Pauses before the second, third, … attempt; as many retries as pauses.",
    "PODIUM_RETRY_JITTER": "`full`: a pause of any length up to those.",
    "PODIUM_RUNTIME": "`docker`, `process`, `kubernetes`, or `auto`: Docker where a daemon answers.",
    "PODIUM_SEED": "The seed of the agent's folds and models.",
    "PODIUM_SLOTS": "Attempts at once on this executor; unset: as many as its machine has room for.",
    "PODIUM_SUBMITS_PER_MINUTE": "How many jobs a client may submit in any minute; 0: no limit.",
    "PODIUM_SUBMITTER_RUNNING_MAX": "Attempts at once of one API key, else one submitter; 0: no cap.",
    "PODIUM_TRUSTED_PROXIES": "Proxies that are believed whose request they pass on, with commas.",
    "PODIUM_WEBHOOK_ANSWER_S": "How long a receiver of webhooks may take to answer.",
    "PODIUM_WEBHOOK_NETWORKS": "Networks besides the public internet that webhooks may go to, with commas.",
    "PODIUM_WORK_DIR": "The executor's folder for attempts.",
    "REDIS_URL": "Where request limits are counted together; unset: each gateway counts by itself.",
}
"""Settings of services, by name."""

BESIDE: Final = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "every service",
        "-",
        "Where traces go (OTLP over HTTP); other settings of OpenTelemetry's SDK hold, too.",
    ),
    "PODIUM_API_KEY": (
        "command line",
        "-",
        "The key for the gateway; or `PODIUM_API_KEY_FILE`.",
    ),
    "PODIUM_DATA_BYTES_MAX": ("`podium solve`", "20 GB", "A competition with more bytes of data is refused."),
    "PODIUM_ENGINE_SOCKET": ("engine", "required", "Where the filtered socket of Docker's is made."),
    "PODIUM_HOME": ("command line", "`./.podium`", "The folder of the stack on this machine."),
    "PODIUM_URL": ("command line", "the gateway of that stack", "The gateway that commands talk to."),
}
"""Settings that are read elsewhere: who reads each, its default, what it means."""

WITHIN: Final = frozenset(
    {
        *("NATS_PASSWORD", "NATS_READER_PASSWORD", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        *("PODIUM_BWRAP", "PODIUM_COMPETITION", "PODIUM_DATA_DIR", "PODIUM_EGRESS_SOCKET", "PODIUM_NONCE"),
        *("PODIUM_OUTPUT_DIR", "PODIUM_PORTER_DOOR", "PODIUM_PORTER_PASS", "PODIUM_SUBMIT_AS"),
    }
)
"""What Podium tells its own parts, and OpenTelemetry's more precise names: nobody has to set these."""
