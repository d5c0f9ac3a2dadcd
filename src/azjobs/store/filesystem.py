"""Refuse a home on a network file system: SQLite's write-ahead log needs memory that all its processes share.

Sources: sqlite.org/wal.html, "All processes using a database must be on the
same host computer"; names of file systems as in proc_mounts(5).
"""

from __future__ import annotations

import re
from pathlib import Path

from azjobs.core.errors import HomeUnusable

MOUNTS_FILE = Path("/proc/mounts")
NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre", "gpfs", "beegfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "fuse.blobfuse", "fuse.blobfuse2"}
)
WINDOWS_DRIVE = "aname=drvfs"  # a drive of Windows inside WSL: 9p, a network protocol


def refuse_network_folder(folder: Path, mounts_file: Path = MOUNTS_FILE) -> None:
    """Check that the folder is on a local file system; where the system has no list of mounts, nothing is checked.

    Raises:
        HomeUnusable: it is on a network file system.
    """
    try:
        mounts = mounts_file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = network_type(str(folder.resolve()), mounts)
    if kind:
        raise HomeUnusable(
            f"{folder} is on a network file system ({kind}), where the job store cannot work. "
            "Set AZJOBS_HOME to a folder on a local disk; nothing was changed."
        )


def network_type(folder: str, mounts: str) -> str:
    """Return the type of the network file system that an absolute folder is on; "" when it is a local one.

    `mounts` is text in the form of /proc/mounts; of two mounts on one place the later one counts.
    """
    found, found_type = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
        is_over = folder == place or folder.startswith(place.rstrip("/") + "/")
        if is_over and len(place) >= len(found):
            is_network = fields[2] in NETWORK_TYPES or (fields[2] == "9p" and WINDOWS_DRIVE in fields[3])
            found, found_type = place, fields[2] if is_network else ""
    return found_type
