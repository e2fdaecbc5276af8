"""Raw videos to segment features, ten per clip, in one verified HDF5 file.

`sources` lists clips and brings them, `decoding` turns them into frames, `networks` turns frames into features;
`skeletons` and `va_cnn` do the last two for skeletons. `shards` keeps what is done of a run, `cluster` starts workers
for it, `run` strings all of it together, and `cache` reads what comes out.

Kept empty on purpose: decode workers import `extract.decoding.decode` and must not pay for torch.
"""
