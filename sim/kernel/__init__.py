"""The kernel: time, queues and chance, and nothing of payments."""
