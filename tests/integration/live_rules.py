"""What the live system's commands choose, write and tell, as far as their rules go.

Written from those rules (the functions named below, as they are in `build_tools` of August 2026),
so that ours is not judged by itself: regular expressions are Python's, TOML is read by `tomllib`,
globs are `pathlib`'s. Nothing is transferred: the answer to a command line is what it would do.

Standard input: a JSON list of {"argv", "run", "dir", "topology", "env"}; `run` lists the files of a
run, `dir` is the working directory, `env` is the environment. Standard output: a JSON list of
{"exit", "files", "outputs"}; `files` are names or, of uploads, keys in the run with content types.
"""

import argparse
import json
import mimetypes
import os
import re
import sys
import tomllib
from pathlib import Path

COMPONENTS = ["lib", "run", "dev", "dbg", "doc", "test"]
ENDINGS = [".tar.zst", ".tar.xz"]
S3 = "https://{bucket}.s3.amazonaws.com/{key}"


class Exit(Exception):
    def __init__(self, code):
        super().__init__(f"exit {code}")
        self.code = code


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Exit(2)

    def exit(self, status=0, message=None):
        raise Exit(status)


def names_in(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def artifact_name(name, is_directory=False):
    """artifacts.py, ArtifactName"""
    ending = "" if is_directory else r"\.tar\.(?:zst|xz)"
    return re.match(rf"^([^_]+)_([^_]+)_([^_]+){ending}$", name)


# --- fetch_artifacts.py ---------------------------------------------------------------------------


def fetch_artifacts(case):
    """list_artifacts_for_group() and filter_artifacts()"""
    parser = Parser()
    parser.add_argument("include", nargs="*")
    parser.add_argument("--exclude", nargs="*")
    parser.add_argument("--artifact-group")
    parser.add_argument("--amdgpu-targets", default="")
    parser.add_argument("--run-id", required=True)
    args = parser.parse_args(case.argv)
    targets = names_in(args.amdgpu_targets)
    available = [name for name in case.run if name.endswith(tuple(ENDINGS))]
    if args.artifact_group or targets:
        wanted = {"generic", *targets, *([args.artifact_group] if args.artifact_group else [])}
        parsed = [(name, artifact_name(name)) for name in available]
        available = [name for name, found in parsed if found and found[3] in wanted]
    chosen = [
        name for name in available
        if (not args.include or any(re.search(one, name) for one in args.include))
        and not any(re.search(one, name) for one in args.exclude or [])
    ]
    if not chosen:
        raise Exit(1)
    return chosen


# --- artifact_manager.py --------------------------------------------------------------------------


class Topology:
    """build_topology.py, BuildTopology"""

    def __init__(self, path):
        with open(path, "rb") as file:
            found = tomllib.load(file)
        self.stages = found["build_stages"]
        self.groups = found["artifact_groups"]
        self.artifacts = found["artifacts"]

    def in_group(self, group):
        return {name for name, one in self.artifacts.items() if one["artifact_group"] == group}

    def produced(self, stage):
        """get_produced_artifacts()"""
        return set().union(*(self.in_group(g) for g in self.stages[stage]["artifact_groups"]))

    def inbound(self, stage):
        """get_inbound_artifacts(), with the artifacts' dependencies"""
        found = set()

        def add(name):
            if name not in found:
                found.add(name)
                for other in self.artifacts[name].get("artifact_deps", []):
                    add(other)

        for group in self.stages[stage]["artifact_groups"]:
            for other in self.groups[group].get("artifact_group_deps", []):
                for name in self.in_group(other):
                    add(name)
            for name in self.in_group(group):
                for other in self.artifacts[name].get("artifact_deps", []):
                    add(other)
        return found - self.produced(stage)


def artifact_manager(case):
    parser = Parser()
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ["fetch", "push", "copy", "info", "list-stages"]:
        command = commands.add_parser(name)
        command.add_argument("--topology")
        if name == "list-stages":
            continue
        command.add_argument("--stage", default="all" if name == "fetch" else None)
        command.add_argument("--run-id")
        command.add_argument("--amdgpu-families", default="")
        command.add_argument("--amdgpu-targets", default="")
        command.add_argument("--generic-only", action="store_true")
        command.add_argument("--expand-family-to-targets", action="store_true")
        command.add_argument("--exclude-components", default="")
        command.add_argument("--exclude-artifacts", default="")
        command.add_argument("--build-dir", type=Path)
        command.add_argument("--output-dir")
        command.add_argument("--bootstrap", action="store_true")
        command.add_argument("--source-run-id")
    args = parser.parse_args(case.argv)
    topology = Topology(case.topology)
    if args.command == "list-stages":
        return sorted(topology.stages)
    several = args.stage.split(",") if args.command == "copy" else [args.stage]
    stages = [name.strip() for name in several if name.strip()]
    for stage in stages:
        if stage not in topology.stages and (stage != "all" or args.command == "copy"):
            raise Exit(1)
    if args.command == "info":
        return [
            *(f"needs {name}" for name in sorted(topology.inbound(args.stage))),
            *(f"produces {name}" for name in sorted(topology.produced(args.stage))),
        ]
    if args.stage == "all":
        names = set(topology.artifacts)
    else:
        of = topology.inbound if args.command == "fetch" else topology.produced
        names = set().union(*(of(stage) for stage in stages))
    if args.command == "push":
        return pushed(args.build_dir, names)
    names -= set(names_in(args.exclude_artifacts.replace(";", ",")))
    without = set(names_in(args.exclude_components.replace(";", ",")))
    return available_artifacts(names, target_families(args, case.families), case.run, without)


def target_families(args, families):
    """parse_target_families()"""
    found = ["generic"]
    if args.generic_only:
        return found
    if args.amdgpu_families:
        named = args.amdgpu_families.split(";")
        found += named
        if args.expand_family_to_targets:
            found += [gpu for family in named for gpu in families.get(family, [])]
    return found + names_in(args.amdgpu_targets)


def available_artifacts(names, targets, run, without):
    """find_available_artifacts(): of both compressions the first that there is"""
    chosen = set()
    for name in names:
        for component in COMPONENTS:
            for target in targets if component not in without else []:
                files = [f"{name}_{component}_{target}{ending}" for ending in ENDINGS]
                chosen.update([file for file in files if file in run][:1])
    return sorted(chosen)


def pushed(build_dir, names):
    """do_push(): directories become archives, archives stay; each with its checksum file"""
    keys = []
    for item in sorted((build_dir / "artifacts").iterdir()):
        found = artifact_name(item.name, item.is_dir())
        if found and found[1] in names:
            key = f"{item.name}.tar.zst" if item.is_dir() else item.name
            keys.append(key)
            if item.is_dir() or item.with_name(f"{key}.sha256sum").exists():
                keys.append(f"{key}.sha256sum")
    return keys


# --- find_artifacts_for_commit.py -----------------------------------------------------------------


def find_artifacts_for_commit(case):
    """find_artifacts_for_commit(): the newest run that has an index page, for each group"""
    parser = Parser()
    parser.add_argument("--commit", required=True)
    parser.add_argument("--repo", default="ROCm/TheRock")
    parser.add_argument("--platform", default="linux")
    parser.add_argument("--artifact-group", nargs="+", required=True)
    args = parser.parse_args(case.argv)
    if "index.html" not in case.run:
        raise Exit(1)
    return sorted(args.artifact_group)


# --- uploads --------------------------------------------------------------------------------------

TYPES = {
    ".gz": "application/gzip",
    ".html": "text/html",
    ".log": "text/plain",
    ".md": "text/plain",
    ".whl": "application/zip",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
}


def content_type(name):
    """storage_backend.py, infer_content_type()"""
    suffix = Path(name).suffix.lower()
    return TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


class Upload:
    """storage_backend.py, upload_file() and upload_directory(): links are left out"""

    def __init__(self, case):
        self.case = case
        self.files = {}
        self.outputs = {}

    def file(self, name, key):
        self.files[key] = content_type(str(name))

    def directory(self, root, prefix, include=("*",), exclude=()):
        left_out = {path for pattern in exclude for path in root.glob(pattern)}
        for pattern in include:
            for path in root.rglob(pattern):
                if path.is_file() and not path.is_symlink() and path not in left_out:
                    self.file(path, f"{prefix}{path.relative_to(root).as_posix()}")

    def logs(self, build, prefix):
        """create_ninja_log_archive(), create_ccache_log_archive() and the directory"""
        self.directory(build / "logs", prefix, exclude=["ccache/**/*"])
        if list(build.glob("**/.ninja_log")):
            self.file("ninja_logs.tar.gz", f"{prefix}ninja_logs.tar.gz")
        if (build / "logs/ccache").is_dir() and list((build / "logs/ccache").iterdir()):
            self.file("ccache_logs.tar.zst", f"{prefix}ccache_logs.tar.zst")

    def url(self, key):
        return S3.format(bucket="therock-ci-artifacts", key=f"123-linux/{key}")


MANIFEST = Path("base/aux-overlay/build/therock_manifest.json")


def post_build_upload(case):
    parser = Parser()
    parser.add_argument("--artifact-group", required=True)
    parser.add_argument("--build-dir", type=Path, default=Path("build"))
    parser.add_argument("--run-id")
    parser.add_argument("--job-status")
    args = parser.parse_args(case.argv)
    upload, logs = Upload(case), f"logs/{args.artifact_group}/"
    if not args.job_status or args.job_status == "success":
        upload.directory(args.build_dir / "artifacts", "", ["*.tar.xz*", "*.tar.zst*"])
    upload.logs(args.build_dir, logs)
    for name in ["comp-summary.html", "comp-summary.md"]:
        if (args.build_dir / "logs/therock-build-prof" / name).is_file():
            upload.file(name, f"{logs}{name}")
    upload.file(MANIFEST, f"manifests/{args.artifact_group}/therock_manifest.json")
    return upload


def post_stage_upload(case):
    parser = Parser()
    parser.add_argument("--stage", required=True)
    parser.add_argument("--amdgpu-family", default="")
    parser.add_argument("--build-dir", type=Path, default=Path("build"))
    parser.add_argument("--run-id")
    args = parser.parse_args(case.argv)
    upload = Upload(case)
    place = "/".join(filter(None, ["logs", args.stage, args.amdgpu_family]))
    upload.logs(args.build_dir, f"{place}/")
    if args.stage == "compiler-runtime" and (args.build_dir / MANIFEST).is_file():
        upload.file(MANIFEST, "manifests/therock_manifest.json")
    return upload


def upload_python_packages(case):
    parser = Parser()
    parser.add_argument("--input-packages-dir", type=Path, required=True)
    parser.add_argument("--artifact-group", default="")
    parser.add_argument("--multiarch", action="store_true")
    parser.add_argument("--run-id", required=True)
    args = parser.parse_args(case.argv)
    dist = args.input_packages_dir / "dist"
    root = dist if dist.is_dir() else args.input_packages_dir
    place = "python" if args.multiarch else f"python/{args.artifact_group}"
    upload = Upload(case)
    upload.directory(root, f"{place}/")
    by_family = args.multiarch and any(path.is_dir() for path in root.iterdir())
    upload.outputs = {
        "package_find_links_url": upload.url(place if by_family else f"{place}/index.html"),
        "kpack_split": "true" if args.multiarch and not by_family else "false",
    }
    return upload


def upload_tarballs(case):
    parser = Parser()
    parser.add_argument("--input-tarballs-dir", type=Path, required=True)
    parser.add_argument("--platform", default="linux")
    parser.add_argument("--run-id", required=True)
    args = parser.parse_args(case.argv)
    upload = Upload(case)
    upload.directory(args.input_tarballs_dir, "tarballs/", ["*.tar.gz"])
    multiarch = f"therock-dist-{args.platform}-multiarch-"
    for path in sorted(args.input_tarballs_dir.glob(f"{multiarch}[0-9]*.tar.gz")):
        urls = {"multiarch": upload.url(f"tarballs/{path.name}")}
        upload.outputs = {"tarball_urls": json.dumps(urls)}
    return upload


def upload_package_repo(case):
    """create_deb_repo(), create_rpm_repo(), upload_to_s3() and upload_packaging_logs()"""
    parser = Parser()
    parser.add_argument("--pkg-type", choices=["deb", "rpm"], required=True)
    parser.add_argument("--package-dir", type=Path, required=True)
    parser.add_argument("--run-id", required=True)
    args = parser.parse_args(case.argv)
    upload, base = Upload(case), f"packages/{args.pkg_type}"
    pool = {"deb": "pool/main", "rpm": "x86_64"}[args.pkg_type]
    upload.directory(args.package_dir, f"{base}/{pool}/", [f"*.{args.pkg_type}"])
    metadata = {
        "deb": ["Release", "main/binary-amd64/Packages", "main/binary-amd64/Packages.gz"],
        "rpm": ["repomd.xml"],
    }[args.pkg_type]
    place = {"deb": "dists/stable", "rpm": "x86_64/repodata"}[args.pkg_type]
    for name in metadata:
        upload.file(name, f"{base}/{place}/{name}")
    # boto3 is given no type.
    upload.files = dict.fromkeys(upload.files, "application/octet-stream")
    install = base if args.pkg_type == "deb" else f"{base}/x86_64"
    upload.outputs = {"package_repository_url": upload.url(install)}
    if list((args.package_dir / "logs").glob("*.log")):
        upload.directory(args.package_dir / "logs", f"logs/packaging/{args.pkg_type}/")
        page = f"logs/packaging/{args.pkg_type}/index.html"
        upload.outputs["packaging_logs_url"] = upload.url(page)
    return upload


def upload_test_report(case):
    parser = Parser()
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--amdgpu-family", required=True)
    parser.add_argument("--report-path", type=Path, required=True)
    parser.add_argument("--log-destination", required=True)
    parser.add_argument("--index-file-name", required=True)
    args = parser.parse_args(case.argv)
    upload, place = Upload(case), args.log_destination.strip("/")
    upload.directory(args.report_path, f"{place}/", ["*.html"])
    upload.file(args.index_file_name, f"{place}/{args.index_file_name}")
    return upload


def upload_pytorch_manifest(case):
    """generate_pytorch_manifest.py, manifest_filename()"""
    parser = Parser()
    parser.add_argument("--dist-dir", type=Path, required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--platform", required=True)
    parser.add_argument("--amdgpu-family", required=True)
    parser.add_argument("--pytorch-git-ref", required=True)
    args = parser.parse_args(case.argv)
    ref = args.pytorch_git_ref.replace("/", "-")
    name = f"therock-manifest_torch_{args.platform}_{ref}.json"
    upload = Upload(case)
    upload.file(name, f"manifests/{args.amdgpu_family}/{name}")
    return upload


def write_artifacts_bucket_info(case):
    """s3_buckets.py, get_artifacts_bucket_config_for_workflow_run()"""
    parser = Parser()
    parser.add_argument("--release-type", default="")
    args = parser.parse_args(case.argv)
    upload = Upload(case)
    kind = args.release_type
    if kind == "":
        own = case.env.get("GITHUB_REPOSITORY", "ROCm/TheRock") == "ROCm/TheRock"
        kind, bucket = ("ci", "ci-artifacts") if own else ("ci-external", "ci-artifacts-external")
    else:
        bucket = f"{kind}-artifacts"
    upload.outputs = {
        "bucket": f"therock-{bucket}",
        "iam_role": f"arn:aws:iam::692859939525:role/therock-{kind}",
        "aws_region": "us-east-2",
    }
    return upload


COMMANDS = {
    "fetch_artifacts.py": fetch_artifacts,
    "artifact_manager.py": artifact_manager,
    "find_artifacts_for_commit.py": find_artifacts_for_commit,
    "post_build_upload.py": post_build_upload,
    "post_stage_upload.py": post_stage_upload,
    "upload_python_packages.py": upload_python_packages,
    "upload_tarballs.py": upload_tarballs,
    "upload_package_repo.py": upload_package_repo,
    "upload_test_report_script.py": upload_test_report,
    "upload_pytorch_manifest.py": upload_pytorch_manifest,
    "write_artifacts_bucket_info.py": write_artifacts_bucket_info,
}


class Case:
    def __init__(self, given):
        command, *self.argv = given["argv"]
        self.rules = COMMANDS[command]
        self.run = given.get("run", [])
        self.topology = given.get("topology")
        self.families = given.get("families", {})
        self.env = given.get("env", {})
        os.chdir(given["dir"])


def answer(given):
    case = Case(given)
    try:
        found = case.rules(case)
    except Exit as left:
        return {"exit": left.code, "files": [], "outputs": {}}
    if isinstance(found, Upload):
        return {"exit": 0, "files": found.files, "outputs": found.outputs}
    return {"exit": 0, "files": sorted(found), "outputs": {}}


if __name__ == "__main__":
    json.dump([answer(given) for given in json.load(sys.stdin)], sys.stdout)
