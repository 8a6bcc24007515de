"""Measurements, as ratios against a peer or a ceiling in one run."""
