"""Scores of predictions: metrics, calibration, earliness, statistics. `predictions` and `scored_files` read files."""
