"""What others do with the same feeds: each peer is a program of its own, in an environment of its own."""
