"""One module a command: its docstring is the help, with ``add_arguments`` and ``run``."""
