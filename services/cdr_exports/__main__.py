"""`python -m cdr_exports` is `cdr-exports`."""

from __future__ import annotations

from cdr_exports.cli.main import main

if __name__ == "__main__":
    main()
