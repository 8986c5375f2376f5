"""Tests of the gateway, without sockets."""
