"""From windows to a person: detect, decide, settle, push."""
