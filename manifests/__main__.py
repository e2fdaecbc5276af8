"""`python -m manifests`."""

from early_recognition import start

if __name__ == "__main__":
    start("manifests")
