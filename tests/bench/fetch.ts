/**
 * How fast artifacts of a run are fetched, verified and unpacked: by this project, by a Python
 * program with boto3, hashlib, lzma and tarfile in threads, and by curl with GNU tar, which verifies
 * nothing, and once more with sha256sum between the two. Ours runs with `-A`, and once more with the
 * permissions of deno.json.
 *
 * Needs the server that `RUN_OUTPUTS_TEST_S3` names and keys for it in the environment, as
 * `tests/integration/ceph_rgw start` prints them, curl, GNU tar, xz and zstd, GNU time, and a Python
 * with boto3 (`PYTHON` names another one; without it, or without the module `zstandard` for the
 * .tar.zst set, Python is left out). The archives are those of `bench:extract`: `--work` its
 * directory.
 *
 * Usage: deno task bench:fetch --work DIR [--rounds 3] [--sets xz,zst] [--json FILE]
 *
 * @module
 */

import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { CreateBucketCommand, DeleteBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { readFile } from "../../src/storage/byte_source.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { fileItem, textItem, upload } from "../../src/storage/transfer/upload.ts";
import { bundled } from "./bundled.ts";
import { discard } from "./discard.ts";
import { leftOutBecause, OURS, Report, VERSION, versionOf, versionsOf } from "./report.ts";

const report = new Report();
const { values } = parseArgs({
  args: [...report.args],
  options: {
    rounds: { type: "string", default: "3" },
    work: { type: "string" },
    sets: { type: "string", default: "xz,zst" },
    target: { type: "string" },
  },
});
const endpoint = Deno.env.get("RUN_OUTPUTS_TEST_S3");
if (endpoint === undefined || values.work === undefined) {
  console.error("Start tests/integration/ceph_rgw and run bench:extract --work DIR first");
  Deno.exit(2);
}
const python = Deno.env.get("PYTHON") ?? "python3";
await using bundle = await bundled();
const tar = await versionsOf("curl", "tar", "xz", "zstd");
const versions: Record<string, string | undefined> = {
  Python: await versionOf(python, "-c", "import boto3; print(boto3.__version__)"),
  "curl + tar": tar,
  "curl + sha256sum + tar": tar,
};

const PYTHON = `
import hashlib, io, lzma, os, sys, tarfile, boto3
from concurrent.futures import ThreadPoolExecutor
bucket, prefix, target, *names = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
def one(name):
    path = os.path.join(target, name)
    s3.download_file(bucket, f"{prefix}/{name}", path)
    want = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}.sha256sum")["Body"].read().decode().split()[0]
    with open(path, "rb") as f:
        if hashlib.file_digest(f, "sha256").hexdigest() != want: raise SystemExit("wrong hash")
    d = os.path.join(target, name.split(".")[0])
    os.makedirs(d)
    if name.endswith(".xz"): f = lzma.open(path)
    else:
        import zstandard
        f = zstandard.ZstdDecompressor().stream_reader(open(path, "rb"), read_across_frames=True)
    with f, tarfile.open(fileobj=f, mode="r|") as t: t.extractall(d)
    os.unlink(path)
with ThreadPoolExecutor(os.cpu_count()) as pool: list(pool.map(one, names))
`;

const VERIFY = `
  want=$(curl -sS --fail --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$AWS_ENDPOINT_URL_S3/$1/$2/$4.sha256sum")
  echo "$want  $3/$4" | sha256sum --check --quiet
`;

const curlAndTar = (check: string) => `
set -e
bucket=$1 prefix=$2 target=$3; shift 3
one() {
  d="$3/$(basename "$4" | cut -d. -f1)"; mkdir -p "$d"
  case $4 in *.xz) how=--xz;; *) how=--zstd;; esac
  curl -sS --fail --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -o "$3/$4" "$AWS_ENDPOINT_URL_S3/$1/$2/$4"
  ${check}
  tar -x $how -f "$3/$4" -C "$d"; rm "$3/$4"
}
export -f one
printf '%s\\0' "$@" | xargs -0 -P "$(nproc)" -n 1 bash -c 'one "$@"' one "$bucket" "$prefix" "$target"
`;

interface Measured {
  readonly seconds: number;
  readonly memory: number;
}

async function run(command: string[]): Promise<Measured | string> {
  const env: Record<string, string> = {
    ...Deno.env.toObject(),
    AWS_ENDPOINT_URL_S3: endpoint!,
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
    RUN_OUTPUTS_NO_CACHE: "1",
  };
  delete env.AWS_CA_BUNDLE;
  const { code, stderr } = await new Deno.Command("/usr/bin/time", {
    // With --quiet it says nothing of its own about a command that fails.
    args: ["--quiet", "-f", "%e %M", ...command],
    env,
    clearEnv: true,
  }).output();
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  if (code !== 0) return leftOutBecause(lines.slice(0, -1).join("\n") || `exit ${code}`);
  const [seconds, kibibytes] = lines.at(-1)!.split(" ").map(Number);
  return { seconds, memory: kibibytes / 1024 };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of readFile(path)) hash.update(chunk);
  return hash.digest("hex");
}

const bucket = `bench-${crypto.randomUUID()}`;
const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true });
using backend = await createS3Backend({ endpointUrl: endpoint });
const place = new OutputLocation(bucket, "");
await client.send(new CreateBucketCommand({ Bucket: bucket }));
try {
  for (const set of values.sets.split(",")) {
    const files = (await Array.fromAsync(Deno.readDir(values.work), ({ name }) => name))
      .filter((name) => /^a\d+_/.test(name) && name.endsWith(`.tar.${set}`)).sort();
    const prefix = `${set === "xz" ? 1 : 2}-linux`;
    const names: string[] = [];
    const above = place.join(prefix);
    for (const [i, file] of files.entries()) {
      const name = `bench${i}_lib_generic.tar.${set}`;
      const path = `${values.work}/${file}`;
      names.push(name);
      await upload(backend, [
        fileItem(above.join(name), path),
        textItem(above.join(`${name}.sha256sum`), `${await sha256(path)}\n`, "checksum"),
      ]);
    }
    const target = values.target ?? `${values.work}/fetched`;
    const ours = (permissions: string) => [
      ...[Deno.execPath(), "run", "-q", permissions, `${bundle.dir}/cli.js`, "fetch", "-q"],
      ...["--run-id", prefix.slice(0, 1), "--platform", "linux", "--bucket", bucket],
      ...["--endpoint-url", endpoint, "--output-dir", target],
    ];
    const tools: [string, string[]][] = [
      [OURS, ours("-A")],
      // Inside the fence of deno.json's permissions, as the executable is.
      ["fenced", ours("-P")],
      ["Python", [python, "-c", PYTHON, bucket, prefix, target, ...names]],
      ["curl + tar", ["bash", "-c", curlAndTar(""), "curl", bucket, prefix, target, ...names]],
      [
        "curl + sha256sum + tar",
        ["bash", "-c", curlAndTar(VERIFY), "curl", bucket, prefix, target, ...names],
      ],
    ];
    const best = new Map<string, Measured>();
    const leftOut = new Map<string, string>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, command] of tools) {
        await discard(target);
        await Deno.mkdir(target);
        const measured = await run(command);
        if (typeof measured === "string") {
          leftOut.set(name, `${measured}`);
          continue;
        }
        const before = best.get(name);
        best.set(name, {
          seconds: Math.min(measured.seconds, before?.seconds ?? Infinity),
          memory: Math.max(measured.memory, before?.memory ?? 0),
        });
      }
    }
    await discard(target);
    report.add(...tools.map(([tool]) => ({
      case: `${names.length} × .tar.${set}`,
      tool,
      version: tool in versions ? versions[tool] : VERSION,
      value: best.get(tool)?.seconds,
      unit: "s",
      better: "lower" as const,
      memory: best.get(tool)?.memory,
      note: leftOut.get(tool),
    })));
  }
} finally {
  for await (const { location } of backend.list(place)) await backend.delete(location);
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
