"""Run folders: writing and opening trained networks."""
