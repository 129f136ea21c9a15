"""What a process that watches itself tells: put before the text of the process."""

# At the end of a process's text, `sockets()` are those that it holds, as /proc names them.
SOCKETS = """
def sockets():
    import os
    links = []
    for entry in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + entry))
        except OSError:
            pass
    return [link for link in links if link.startswith("socket:")]
"""
