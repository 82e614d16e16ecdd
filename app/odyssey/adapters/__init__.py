"""Odyssey's adapters: one third-party client for each file."""
