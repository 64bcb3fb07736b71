"""Command line of wirecopy."""


def main() -> None:
    """Run the command line."""
