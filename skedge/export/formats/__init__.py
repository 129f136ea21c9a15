"""The file formats of an exported model, and their quantisers."""
