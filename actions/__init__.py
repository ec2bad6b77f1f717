"""What breaks things: one small file a kind of target, every function pure, returning changes for the engine."""
