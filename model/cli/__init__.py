"""One module per command: its docstring is the help, with ``add_arguments`` and ``run``."""
