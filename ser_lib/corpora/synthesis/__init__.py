"""
A formant synthesiser for the synthetic corpus.

`expression` defines how speakers express emotions, `phones` the sounds and sentences; `prosody`
turns both into contours, and `source_filter` renders contours as a waveform.
"""
