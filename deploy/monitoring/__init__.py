"""Monitoring: Prometheus rules, Grafana dashboard, and a plot of the dashboard."""
