/**
 * How fast transfers are: this project's, `aws s3 cp`, boto3's managed transfer, rclone and curl,
 * one after the other on the same server, up and down.
 *
 * Ours compares each download with its SHA-256; the others don't, so beside their time stands what
 * it is with `sha256sum` behind.
 *
 * Needs the server that `RUN_OUTPUTS_TEST_S3` names and keys for it in the environment, as
 * `tests/integration/ceph_rgw start` prints them. A tool that is not installed is left out and
 * said to be. `AWS`, `PYTHON` and `RCLONE` name other executables.
 *
 * Usage: deno task bench:transfer [--sets 4x256M,1x2G,200x1M,5000x4K] [--tools …] [--rounds 3]
 *   [--json FILE]
 *
 * @module
 */

import { CreateBucketCommand, DeleteBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { bundled } from "./bundled.ts";
import { discard } from "./discard.ts";
import { OURS, Report, type Row, VERSION, versionOf, versionsOf } from "./report.ts";

/** Files of one size. */
interface FileSet {
  readonly name: string;
  readonly count: number;
  readonly size: number;
}

/** A program that transfers directories. */
interface Tool {
  readonly name: string;
  /** The command that moves a directory up (`dir` to `prefix`) or down. */
  command(direction: "up" | "down", dir: string, bucket: string, prefix: string): string[];
  /** The version that is installed. */
  version(): Promise<string | undefined>;
  readonly env?: Record<string, string>;
  readonly upOnly?: boolean;
}

const endpoint = Deno.env.get("RUN_OUTPUTS_TEST_S3");
if (endpoint === undefined) {
  console.error("RUN_OUTPUTS_TEST_S3 is not set: start tests/integration/ceph_rgw first");
  Deno.exit(2);
}
const report = new Report();
await using bundle = await bundled();
const SELF = `${bundle.dir}/tests/bench/transfer_self.js`;
const ourVersion = () => Promise.resolve(VERSION);
const aws = (Deno.env.get("AWS") ?? "aws").split(" ");
const python = Deno.env.get("PYTHON") ?? "python3";
const rclone = Deno.env.get("RCLONE") ?? "rclone";
const [key, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map((n) => Deno.env.get(n)!);

const BOTO3 = `
import os, sys, boto3
from concurrent.futures import ThreadPoolExecutor
from boto3.s3.transfer import TransferConfig
way, d, bucket, prefix = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
names = [f"f{i}" for i in range(int(os.environ["COUNT"]))]
config = TransferConfig(max_concurrency=10)
def one(n):
    if way == "up": s3.upload_file(f"{d}/{n}", bucket, f"{prefix}/{n}", Config=config)
    else: s3.download_file(bucket, f"{prefix}/{n}", f"{d}/{n}", Config=config)
with ThreadPoolExecutor(8) as pool: list(pool.map(one, names))
`;

const CURL = `
set -e
way=$1 d=$2 bucket=$3 prefix=$4
seq 0 $((COUNT - 1)) | while read -r i; do
  url="$AWS_ENDPOINT_URL_S3/$bucket/$prefix/f$i"
  if [ "$way" = up ]; then printf 'url = "%s"\\nupload-file = "%s"\\n' "$url" "$d/f$i"
  else printf 'url = "%s"\\noutput = "%s"\\n' "$url" "$d/f$i"; fi
done > "$d.curl"
curl -sS --fail --parallel --parallel-max 8 --aws-sigv4 aws:amz:us-east-1:s3 \\
  --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \\
  -K "$d.curl" >/dev/null
rm "$d.curl"
`;

const tools: readonly Tool[] = [
  {
    name: OURS,
    version: ourVersion,
    command: (direction, dir, bucket, prefix) => [
      Deno.execPath(),
      "run",
      "-A",
      "--no-prompt",
      SELF,
      direction,
      dir,
      bucket,
      prefix,
    ],
  },
  {
    // As for archives that were packed here or have their checksum beside them.
    name: "hash known",
    version: ourVersion,
    command: (_, dir, bucket, prefix) => [
      Deno.execPath(),
      "run",
      "-A",
      "--no-prompt",
      SELF,
      "up",
      dir,
      bucket,
      prefix,
      `${dir}.sha256`,
    ],
    upOnly: true,
  },
  {
    name: "aws",
    version: () => versionOf(...aws, "--version"),
    command: (direction, dir, bucket, prefix) => {
      const remote = `s3://${bucket}/${prefix}/`;
      const ends = direction === "up" ? [`${dir}/`, remote] : [remote, `${dir}/`];
      return [
        ...aws,
        "--endpoint-url",
        endpoint,
        "s3",
        "cp",
        "--quiet",
        "--recursive",
        ...ends,
      ];
    },
  },
  {
    name: "boto3",
    version: () => versionOf(python, "-c", "import boto3; print(boto3.__version__)"),
    command: (direction, dir, bucket, prefix) => [
      python,
      "-c",
      BOTO3,
      direction,
      dir,
      bucket,
      prefix,
    ],
  },
  {
    name: "rclone",
    version: () => versionOf(rclone, "version"),
    command: (direction, dir, bucket, prefix) => {
      const remote = `:s3:${bucket}/${prefix}`;
      return [
        rclone,
        "copy",
        ...(direction === "up" ? [dir, remote] : [remote, dir]),
        "--transfers=8",
        "--checkers=8",
        "--config=/dev/null",
        "--quiet",
      ];
    },
    env: {
      RCLONE_S3_PROVIDER: "Ceph",
      RCLONE_S3_ENDPOINT: endpoint,
      RCLONE_S3_ACCESS_KEY_ID: key,
      RCLONE_S3_SECRET_ACCESS_KEY: secret,
      RCLONE_S3_NO_CHECK_BUCKET: "true",
    },
  },
  {
    name: "curl",
    version: () => versionsOf("curl"),
    command: (direction, dir, bucket, prefix) => [
      "bash",
      "-c",
      CURL,
      "curl",
      direction,
      dir,
      bucket,
      prefix,
    ],
  },
];

function option(name: string, fallback: string): string[] {
  const at = report.args.indexOf(`--${name}`);
  return (at === -1 ? fallback : report.args[at + 1]).split(",");
}

function parseSet(text: string): FileSet {
  const [, count, size, unit] = /^(\d+)x(\d+)([KMG])$/.exec(text)!;
  const factor = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[unit as "K" | "M" | "G"];
  return { name: text, count: Number(count), size: Number(size) * factor };
}

/** Seconds and peak memory in MiB of one run; memory is that of the largest process. */
interface Measured {
  readonly seconds: number;
  readonly memory: number;
  /** What `sha256sum` on all processors takes for what was downloaded. */
  readonly hashing?: number;
}

/**
 * The tools that compare nothing with a SHA-256 need this on top to know what ours knows.
 *
 * @returns Seconds.
 */
async function hashFiles(dir: string, count: number): Promise<number> {
  const each = Math.ceil(count / navigator.hardwareConcurrency);
  const script = `find "$1" -type f -print0 | xargs -0 -n ${each} -P "$(nproc)" sha256sum`;
  const started = performance.now();
  const { code } = await new Deno.Command("bash", {
    args: ["-c", script, "hash", dir],
    stdout: "null",
  }).output();
  if (code !== 0) throw new Error(`sha256sum: exit ${code}`);
  return (performance.now() - started) / 1000;
}

async function run(tool: Tool, command: string[], count: number): Promise<Measured | string> {
  const env: Record<string, string> = {
    ...Deno.env.toObject(),
    AWS_ENDPOINT_URL_S3: endpoint!,
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
    COUNT: `${count}`,
    ...tool.env,
  };
  delete env.AWS_CA_BUNDLE;
  const script = "import os,resource,subprocess,sys,time\n" +
    "t=time.monotonic(); r=subprocess.run(sys.argv[1:]).returncode; t=time.monotonic()-t\n" +
    "print(t, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024); sys.exit(r)";
  const { code, stdout, stderr } = await new Deno.Command("python3", {
    args: ["-c", script, ...command],
    env,
    clearEnv: true,
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  const [seconds, memory] = text.split("\n").at(-1)!.split(" ").map(Number);
  if (code === 0) return { seconds, memory };
  return new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? `exit ${code}`;
}

async function makeFiles(dir: string, { count, size }: FileSet): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  const block = new Uint8Array(Math.min(size, 1024 ** 2));
  for (let i = 0; i < count; i++) {
    using file = await Deno.open(`${dir}/f${i}`, { write: true, create: true, truncate: true });
    for (let left = size; left > 0; left -= block.length) {
      for (let at = 0; at < block.length; at += 65_536) {
        crypto.getRandomValues(block.subarray(at, Math.min(block.length, at + 65_536)));
      }
      await file.write(block.subarray(0, Math.min(left, block.length)));
    }
  }
}

/** Makes `DIR.sha256`, in the form of `sha256sum`. */
async function writeHashes(dir: string): Promise<void> {
  const script =
    'cd "$1" && find . -type f -printf "%f\\0" | xargs -0 -n 64 sha256sum > "$1.sha256"';
  const { code } = await new Deno.Command("bash", { args: ["-c", script, "hashes", dir] }).output();
  if (code !== 0) throw new Error(`sha256sum: exit ${code}`);
}

async function checkFiles(dir: string, { count, size }: FileSet): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { size: actual } = await Deno.stat(`${dir}/f${i}`);
    if (actual !== size) throw new Error(`${dir}/f${i} has ${actual} bytes`);
  }
}

const sets = option("sets", "4x256M,1x2G,200x1M,5000x4K").map(parseSet);
const wanted = option("tools", tools.map(({ name }) => name).join(","));
const rounds = Number(option("rounds", "3")[0]);
const work = await Deno.makeTempDir({ prefix: "run-outputs-bench-" });
const bucket = `bench-${crypto.randomUUID()}`;
const root = new OutputLocation(bucket, "");
const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true });
using backend = await createS3Backend({ endpointUrl: endpoint });
await client.send(new CreateBucketCommand({ Bucket: bucket }));
const results = new Map<string, Measured>();
const leftOut = new Map<string, string>();
const versions = new Map<string, string | undefined>();
for (const { name, version } of tools) versions.set(name, await version());

/** The rows of a set: all tools up, then all down. */
function rowsOf({ name: set, count, size }: FileSet): Row[] {
  return (["up", "down"] as const).flatMap((way) =>
    tools.flatMap(({ name: tool }): Row[] => {
      const key = `${set} ${way} ${tool}`;
      const [found, note] = [results.get(key), leftOut.get(key)];
      if (found === undefined && note === undefined) return [];
      const row: Row = {
        case: `${set.replace(/(\d+)x(\d+)(\w)/, "$1 × $2 $3iB")}, ${way}`,
        tool,
        version: versions.get(tool),
        value: found?.seconds,
        unit: "s",
        better: "lower",
        memory: found?.memory,
        note: note ?? `${(count * size / found!.seconds / 1e6).toFixed(0)} MB/s`,
        transfer: { way, files: count, size },
      };
      if (found?.hashing === undefined) return [row];
      const value = found.seconds + found.hashing;
      return [row, {
        ...row,
        tool: `${tool}, sha256sum`,
        value,
        note: `${(count * size / value / 1e6).toFixed(0)} MB/s`,
      }];
    })
  );
}
try {
  for (const set of sets) {
    const source = `${work}/source`;
    await makeFiles(source, set);
    await writeHashes(source);
    for (let round = 0; round < rounds; round++) {
      for (const tool of tools.filter(({ name }) => wanted.includes(name))) {
        for (const direction of tool.upOnly ? ["up"] as const : ["up", "down"] as const) {
          const dir = direction === "up" ? source : `${work}/target`;
          await Deno.mkdir(dir, { recursive: true });
          const command = tool.command(direction, dir, bucket, tool.name);
          const measured = await run(tool, command, set.count);
          if (typeof measured === "string") {
            leftOut.set(`${set.name} ${direction} ${tool.name}`, `${measured}`);
            continue;
          }
          const name = `${set.name} ${direction} ${tool.name}`;
          const best = results.get(name);
          const hashing = direction === "down" && tool.name !== OURS
            ? await hashFiles(dir, set.count)
            : undefined;
          results.set(name, {
            hashing: hashing && Math.min(hashing, best?.hashing ?? Infinity),
            seconds: Math.min(measured.seconds, best?.seconds ?? Infinity),
            memory: Math.max(measured.memory, best?.memory ?? 0),
          });
          if (direction === "down") {
            await checkFiles(dir, set);
            await discard(dir);
          }
        }
        for await (const { location } of backend.list(root)) await backend.delete(location);
      }
    }
    await discard(source);
    report.add(...rowsOf(set));
  }
} finally {
  await discard(work);
  for await (const { location } of backend.list(root)) await backend.delete(location);
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
