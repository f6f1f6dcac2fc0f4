"""How fast this is, beside what people would use instead: ``python -m benchmarks [NAME...]``."""
