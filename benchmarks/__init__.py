"""How fast this package is, compared with common alternatives: ``python -m benchmarks``."""
