"""`python -m extract`."""

from early_recognition import start

if __name__ == "__main__":
    start("extract")
