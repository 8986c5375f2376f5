"""Between an executor and the Docker Engine: a process that passes on only what attempts need."""
