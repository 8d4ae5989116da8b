"""Backtest: the rules stage over the archive, and what it would have told."""
