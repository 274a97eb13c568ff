"""Attack the readers with damaged files, and commands with kills."""
