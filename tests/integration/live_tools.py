"""The live system's tools for artifact archives, as far as their rules go: `pack`, `flatten`,
`bootstrap` and `extract`. Written from those rules with Python's own tarfile, so that our archives
are not judged by our reader, nor our reader by our archives.

Rules of the reader: `artifact_manifest.txt` is the first member and lists one relative path a line.
`flatten` and `bootstrap` demand that every other member's name begins with `{relpath}/`; `flatten`
takes the first such path off, hard-link targets included. An existing file or link is unlinked
first. Files get the umask's default and the archive's executable bits on top, and the present time.
`bootstrap` empties each path's directory once per run and touches `{relpath}.prebuilt`. `extract`
replaces `{archive name up to the first dot}` and takes whatever there is.
Rules of the writer: the manifest, and below each listed path everything; nothing above one.

Usage: live_tools.py pack DIRECTORY ARCHIVE
       live_tools.py flatten|bootstrap|extract OUTPUT ARCHIVE...
"""

import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile

from unpack import extract_all

MANIFEST = "artifact_manifest.txt"


def open_archive(path):
    if path.endswith(".tar.zst"):
        data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    elif path.endswith(".tar.xz"):
        with lzma.open(path) as file:
            data = file.read()
    else:
        raise ValueError(f"not an archive: {path}")
    return tarfile.open(fileobj=io.BytesIO(data), mode="r:")


def relpaths_of(tar):
    first = tar.next()
    if first is None or first.name != MANIFEST:
        raise ValueError(f"the first member is not {MANIFEST}")
    lines = tar.extractfile(first).read().decode().splitlines()
    return [line.strip() for line in lines if line.strip()]


def place(name, relpaths, strip):
    for relpath in relpaths:
        if name.startswith(relpath + "/"):
            return name[len(relpath) + 1:] if strip else name
    raise ValueError(f"{name!r} is under no path that the manifest lists")


def read(mode, output, archives):
    emptied = set()
    for path in archives:
        with open_archive(path) as tar:
            if mode == "extract":
                target = os.path.join(output, os.path.basename(path).partition(".")[0])
                if os.path.exists(target):
                    shutil.rmtree(target)
                extract_all(tar, target, "tar")
                continue
            relpaths = relpaths_of(tar)
            if mode == "bootstrap":
                for relpath in relpaths:
                    directory = os.path.join(output, relpath)
                    if relpath not in emptied and os.path.exists(directory):
                        shutil.rmtree(directory)
                    emptied.add(relpath)
                for relpath in relpaths:
                    directory = os.path.join(output, relpath)
                    os.makedirs(os.path.dirname(directory), exist_ok=True)
                    with open(directory + ".prebuilt", "w"):
                        pass
            while (member := tar.next()) is not None:
                write(tar, member, output, relpaths, mode == "flatten")


def write(tar, member, output, relpaths, strip):
    target = os.path.join(output, place(member.name, relpaths, strip))
    if member.isdir():
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)
    if member.isfile():
        with tar.extractfile(member) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
        executable = member.mode & 0o111
        if executable:
            os.chmod(target, os.stat(target).st_mode | executable)
    elif member.issym():
        os.symlink(member.linkname, target)
    elif member.islnk():
        os.link(os.path.join(output, place(member.linkname, relpaths, strip)), target)
    else:
        raise ValueError(f"{member.name!r} is of the type {member.type!r}")


def pack(directory, path):
    with open(os.path.join(directory, MANIFEST)) as file:
        relpaths = [line.strip() for line in file if line.strip()]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(os.path.join(directory, MANIFEST), MANIFEST)
        for relpath in relpaths:
            root = os.path.join(directory, relpath)
            for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
                tar.add(os.path.join(root, name), f"{relpath}/{name}")
    if path.endswith(".xz"):
        with lzma.open(path, "wb", preset=6) as file:
            file.write(buffer.getvalue())
    else:
        subprocess.run(["zstd", "-3", "-q", "-o", path], input=buffer.getvalue(), check=True)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        if command == "pack":
            pack(*arguments)
        else:
            os.makedirs(arguments[0], exist_ok=True)
            read(command, arguments[0], arguments[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
