"""What shows the figures elsewhere: Prometheus, archive, recap."""
