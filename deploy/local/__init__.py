"""A real broker and a real store on this machine, for the demo and the tests."""
