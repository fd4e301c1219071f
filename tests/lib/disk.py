"""A small file system of its own, for tests of what happens when there is no room."""

import contextlib
import subprocess

from lib.errors import Unavailable


@contextlib.contextmanager
def small_disk(folder, size):
    """In memory, mounted at `folder`, for those who may mount one; gives the folder."""
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
                           capture_output=True, text=True, check=False)
    if mount.returncode != 0:
        raise Unavailable(f"no small disk can be mounted here: {mount.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
