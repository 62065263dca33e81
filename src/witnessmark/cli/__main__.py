"""`python -m witnessmark.cli`."""

from witnessmark.cli.app import main

main()
