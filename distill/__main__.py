"""`python -m distill`."""

from early_recognition import start

if __name__ == "__main__":
    start("distill")
