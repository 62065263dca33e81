"""What tests, demo and benchmarks share: real clips, edits of them, made-up exports."""
