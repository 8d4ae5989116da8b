"""What the dashboards say, one module each."""
