"""Odyssey over HTTP: deliveries in, the REST API, and whether it is well."""
