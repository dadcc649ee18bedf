"""The authoring lab: what a notebook imports to make a rule good."""
