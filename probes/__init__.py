"""What observes: every function returns a measurement with its unit, and never judges it."""
