"""The catalogues of the three languages, and how they are kept in step with the code."""
