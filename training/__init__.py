"""Training: recipes, networks, drawn hands, fitting, evaluation and export of model bundles."""
