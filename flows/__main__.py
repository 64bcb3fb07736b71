"""`python -m flows` is `wirecopy`."""

from flows.cli import main

main()
