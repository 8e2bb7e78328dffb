"""What the Grafana dashboards show, a file a subject, and the words that queries are made of."""
