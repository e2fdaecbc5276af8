"""What backbones are built from and run with: layers, preprocessing, weights and checkpoints, batches on a device."""
