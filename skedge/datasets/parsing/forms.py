"""What a file is instead of what was expected, by its first bytes."""

_FORMS = {
    b"\x1f\x8b": "a file packed by gzip: unpack it",
    b"PK\x03\x04": "a zip or a spreadsheet: unpack or export it",
    b"\x89HDF": "HDF5: export arrays",
    b"MATLAB": "a MATLAB file: export arrays",
    b"{": "JSON: export arrays",
    b"[": "JSON: export arrays",
}


def form_of(start: bytes) -> str:
    """The form of a file that starts so, and what to do with it; empty where it is none of those
    that people take for tables and pickles."""
    return next((form for mark, form in _FORMS.items() if start.startswith(mark)), "")
