"""Prometheus and Grafana for streamer."""
