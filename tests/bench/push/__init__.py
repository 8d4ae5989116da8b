"""Benches of the gateway's push: what one process does with thousands of clients."""
