"""What every package needs and no package owns: errors, files, locks, the command line, progress, devices."""
