"""``python -m dvina`` is the command line."""

from dvina.cli import main

main()
