"""Tests of the scheduler, without sockets."""
