"""How fast live recognition is on this machine: `bench-live`."""
