"""
Trials of what may go wrong: kills, signals, races, full disks, damage, hostile files, long runs.

One module per kind of trial, each with functions that take a number of cases and an empty folder
and return an `outcome.Outcome`; ``python -m benchmarks.stress`` runs all of them.
"""
