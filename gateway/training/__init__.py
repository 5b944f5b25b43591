"""Training of the models of search, and what they are measured by."""
