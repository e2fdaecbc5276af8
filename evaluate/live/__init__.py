"""Recognise new recordings with a trained model: find it, make features of a file, print, draw and export."""
