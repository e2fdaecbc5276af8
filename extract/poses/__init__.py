"""Skeletons of the persons in RGB videos by BlazePose, frame by frame; no frame's skeleton depends on later frames.

`packages` brings the networks, `networks` computes them. `anchors` and `detections` find persons, `region` and `crop`
cut a person out, `landmarks` reads the joints, and `tracker` follows the persons through a video. `video` makes the
poses of a file in a decode worker, which must start without torch, and `folder` those of a folder of videos.

Source: Bazarevsky et al., BlazePose: On-device Real-time Body Pose Tracking, 2020, and the graphs of MediaPipe's
`pose_landmark` and `pose_detection` modules.
"""
