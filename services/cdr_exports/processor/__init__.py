"""Makes exports: plans slices, makes parts of them, finishes files, says what happened."""
