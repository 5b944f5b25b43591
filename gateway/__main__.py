"""`python -m gateway` is `factotum`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
