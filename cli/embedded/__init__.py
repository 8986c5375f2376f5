"""The whole stack on one machine with nothing installed: servers from wheels, services as child processes."""
