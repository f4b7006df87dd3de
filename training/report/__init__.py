"""The evaluation report: pages that explain what a model is worth, and what it is worth beside others.

Before it: `training.predictions` and `training.analysis`. After it: a reader with a browser. Matplotlib, SciPy and
Jinja are imported here only, and only by the commands that write a page.
"""
