"""From the feeds to windows that can be trusted: decode, place, fold, keep."""
