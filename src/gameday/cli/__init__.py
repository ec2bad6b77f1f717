"""The command line: one of the two faces. It parses words, prints, and leaves with the exit code; it decides nothing."""
