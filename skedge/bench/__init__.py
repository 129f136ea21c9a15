"""Measures exported models: latency, memory, size; one JSON document and one Markdown table."""
