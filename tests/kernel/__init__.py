"""The kernel: time, queues and chance."""
