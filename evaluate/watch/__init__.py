"""Recognition of live streams: the sources, the segments of a stream, and what is shown of it."""
