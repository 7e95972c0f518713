"""Measurements of speed; see docs/performance.md."""
