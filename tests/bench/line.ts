/**
 * `deno task bench:line`: how much of a fast line transfers use. A server of its own has a latency of
 * 30 ms and gives each connection 15 MB/s, and all of them together 50, 200 or 400 MB/s. Ours without
 * a setting stands beside fixed numbers, and `aws s3 cp` and rclone with their defaults, if they are
 * installed (`AWS` and `RCLONE` name other executables). Ours compares each download with a SHA-256.
 *
 * Options: `--totals 50,200,400`, `--ways down,up`, `--fixed 4,8,16,32,64`, `--size 16` in MiB,
 * `--json FILE`, `--seconds 8`: for how long the line is busy if it is full. Needs GNU time. The files are in the
 * directory for temporary files: one in memory keeps the disk out of it (`TMPDIR=/dev/shm deno run -A
 * tests/bench/line.ts`, because the task may not write there). Client
 * and server share the processors: compare the processor time where another program is running.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { tempDir } from "../support/temp_dir.ts";
import { bundled } from "./bundled.ts";
import { OURS, Report, type Row, VERSION, versionOf } from "./report.ts";

const MB = 1e6;
const MiB = 1024 ** 2;
const EACH = 15;

const report = new Report();

function option(name: string, fallback: string): string[] {
  const at = report.args.indexOf(`--${name}`);
  return (at === -1 ? fallback : report.args[at + 1]).split(",");
}

const size = Number(option("size", "16")[0]) * MiB;
const seconds = Number(option("seconds", "8")[0]);
await using bundle = await bundled();
const SELF = `${bundle.dir}/tests/bench/line_self.js`;
const SERVER = fileURLToPath(new URL("../support/paced_s3.ts", import.meta.url));
const DENO = [Deno.execPath(), "run", "-q", "--no-check", "-A", "--no-prompt"];

interface Tool {
  readonly name: string;
  readonly version?: string;
  /** The command that moves a directory up or down. */
  command(way: string, dir: string, url: string): readonly string[];
}

const ours = (name: string, ...asked: readonly string[]): Tool => ({
  name,
  version: VERSION,
  command: (way, dir) => [...DENO, SELF, way, dir, "p", ...asked],
});
const aws = (Deno.env.get("AWS") ?? "aws").split(" ");
const rclone = Deno.env.get("RCLONE") ?? "rclone";
const tools: readonly Tool[] = [
  ours(OURS),
  ...option("fixed", "4,8,16,32,64").map((count) => ours(`fixed ${count}`, count)),
  {
    name: "aws",
    version: await versionOf(...aws, "--version"),
    command: (way, dir, url) => {
      const ends = way === "up" ? [dir, "s3://bench/p"] : ["s3://bench/p", dir];
      return [...aws, "--endpoint-url", url, "s3", "cp", "--quiet", "--recursive", ...ends];
    },
  },
  {
    name: "rclone",
    version: await versionOf(rclone, "version"),
    command: (way, dir, url) => {
      const remote =
        `:s3,provider=Other,no_check_bucket=true,env_auth=true,endpoint='${url}':bench/p`;
      const ends = way === "up" ? [dir, remote] : [remote, dir];
      return [rclone, "copy", ...ends, "--config=/dev/null", "--quiet"];
    },
  },
];

/** A server in a process of its own. */
async function startServer(options: Record<string, number>): Promise<{ url: string } & Disposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...DENO.slice(1), SERVER, JSON.stringify(options)],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  let url = "";
  while (!url.endsWith("\n")) url += new TextDecoder().decode((await reader.read()).value);
  reader.releaseLock();
  return {
    url: url.trim(),
    [Symbol.dispose]() {
      child.kill();
      child.stdout.cancel().catch(() => {});
    },
  };
}

/** What a run of a tool gave, or why it failed. */
type Measured = Pick<Row, "value" | "memory" | "note">;

/** One run of a tool. */
async function run(tool: Tool, way: string, total: number, count: number): Promise<Measured> {
  await using dir = await tempDir();
  const files = `${dir.path}/files`;
  await Deno.mkdir(files);
  if (way === "up") {
    for (let i = 0; i < count; i++) {
      await Deno.writeFile(`${files}/f${i}`, new Uint8Array());
      await Deno.truncate(`${files}/f${i}`, size);
    }
  }
  const down: Record<string, number> = way === "down" ? { count, size } : {};
  using server = await startServer({ latency: 30, each: EACH * MB, total: total * MB, ...down });
  const env: Record<string, string> = {
    AWS_ENDPOINT_URL_S3: server.url,
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CA_BUNDLE: "",
  };
  const cost = `${dir.path}/cost`;
  const { success, stderr } = await new Deno.Command("/usr/bin/time", {
    args: ["-f", "%e %U %S %M", "-o", cost, ...tool.command(way, files, server.url)],
    env,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1));
  const [elapsed, user, system, memory] = (await Deno.readTextFile(cost)).split(" ").map(Number);
  const { most } = await (await fetch(`${server.url}/stat`)).json();
  const speed = count * size / elapsed / MB;
  return {
    value: speed,
    memory: memory / 1024,
    note: `${(100 * speed / total).toFixed(0)} % of the line, ` +
      `${(user + system).toFixed(1)} s of the processor, ${most} connections`,
  };
}

for (const way of option("ways", "down,up")) {
  for (const total of option("totals", "50,200,400").map(Number)) {
    const count = Math.ceil(total * MB * seconds / size);
    const rows: Row[] = [];
    for (const tool of tools) {
      rows.push({
        case: `${total} MB/s, ${count} × ${size / MiB} MiB, ${way}`,
        tool: tool.name,
        version: tool.version,
        unit: "MB/s",
        better: "higher",
        ...await run(tool, way, total, count)
          .catch((error) => ({ note: `${(error as Error).message}` })),
      });
    }
    report.add(...rows);
  }
}
