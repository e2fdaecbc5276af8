"""From frames to a segment's features: backbones by name, their released weights, batches on a device."""
