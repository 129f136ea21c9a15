"""Run folders: how a trained network is written and opened."""
