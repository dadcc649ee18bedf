"""The batch: parameters as given, the plan made of them, and the run that carries it out."""
