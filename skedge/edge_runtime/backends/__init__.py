"""The runtimes that execute an exported file."""
