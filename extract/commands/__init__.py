"""The verbs of `python -m extract`, one file per verb or group of verbs: parse options, call the library, print."""
