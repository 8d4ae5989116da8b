"""What is counted, one file per subject; pure."""
