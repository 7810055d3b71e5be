"""``python -m parcompute``."""

if __name__ == "__main__":
    from parcompute.cli.main import console

    console()
