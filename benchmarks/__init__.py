"""Benchmarks: what azjobs costs beside what a user would pick instead."""
