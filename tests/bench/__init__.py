"""Speed and memory, ours and the peers', side by side in one run. Nothing here is a test: nothing asserts a time."""
