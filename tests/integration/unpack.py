"""Unpacks an archive with Python's tarfile, as a Python of today does.

Filters came with Python 3.11.4; Debian 12 has 3.11.2, whose tarfile does as `fully_trusted`.

Usage: unpack.py tar|fully_trusted ARCHIVE OUTPUT
"""

import sys
import tarfile


def extract_all(tar, output, rules):
    """`tar` takes the rights of others to write, and the bits above 0o755; `fully_trusted` none."""
    if hasattr(tarfile, f"{rules}_filter"):
        tar.extractall(output, filter=rules)
        return
    if rules == "tar":
        for member in tar.getmembers():
            member.mode &= 0o755
    tar.extractall(output)


if __name__ == "__main__":
    rules, archive, output = sys.argv[1:]
    with tarfile.open(archive) as tar:
        extract_all(tar, output, rules)
