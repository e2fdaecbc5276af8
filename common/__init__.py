"""Code that all packages use: errors, files, locks, the command line, progress, devices, seeding."""
