"""Attempts as Kubernetes Jobs: a `services.executor.runtime.Runtime` over the API of a cluster."""
