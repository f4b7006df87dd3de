"""The operator's command line and the one-machine stack: a thin shell over the other packages."""
