"""Scores of predictions: metrics, statistics, calibration, earliness. Pure functions but for reading files."""
