"""From a video file to the frames that its features need, decoded in processes that can be killed."""
