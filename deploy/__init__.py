"""How roomwatch is run: locally, and as examples for production."""
