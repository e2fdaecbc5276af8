"""Raw videos to segment features, ten per clip, in one verified HDF5 file.

Kept empty on purpose: decode workers import `extract.decode` and must not pay for torch.
"""
