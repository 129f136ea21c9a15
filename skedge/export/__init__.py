"""A trained classifier as one self-describing file for the edge, verified before it is written."""
