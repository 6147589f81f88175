"""Alerts, dashboards, and a Prometheus for the local cluster."""
