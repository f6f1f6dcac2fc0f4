"""A formant synthesiser: speakers, expressions, prosody and sound of the synthetic corpus."""
