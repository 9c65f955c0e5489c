"""Takes requests for exports over HTTP, judges them, and puts those that are good into the log."""
