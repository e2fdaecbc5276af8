"""From a video's bytes to its chosen frames, in processes that can be killed."""
