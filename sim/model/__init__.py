"""The model: the protocol's actors as processes on the kernel's clock, one actor per file."""
