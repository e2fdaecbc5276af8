"""The report: one HTML page about finished runs, and the figure of accuracy by observation ratio."""
