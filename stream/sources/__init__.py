"""What produces or inspects feeds: simulate, replay, probe, feeds."""
