"""The synthetic set: actions by invented people before an invented camera."""
