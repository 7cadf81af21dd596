/**
 * How fast the service sends files from a disk, compared with nginx on the same machine, in the same
 * run, in turns: a file of 1 GB, 200 ranges of it, and files of 1 KiB. nginx runs with `sendfile`,
 * with which no byte passes through it, and without. `Deno.serve` that sends bytes from memory, with
 * no file, no name and no header to check, shows what the runtime allows.
 *
 * Needs `nginx` and `curl`; `wrk` for the small files. What is not installed is left out, and the
 * output says so.
 *
 * Usage: deno task bench:serve [ROUNDS] [--json FILE]
 *
 * @module
 */

import { tempDir } from "../support/temp_dir.ts";
import { bundled } from "./bundled.ts";
import { OURS, Report, VERSION, versionOf } from "./report.ts";

const report = new Report();
const rounds = Number(report.args[0] ?? 3);
await using bundle = await bundled();
const GB = 1024 ** 3;
const RANGES = 200;
const RANGE = 1024 ** 2;
const SMALL = 1000;
const RUN = "1-linux";

await using temp = await tempDir();
const dir = temp.path;
const run = `${dir}/staging/${RUN}`;
await Deno.mkdir(`${run}/small`, { recursive: true });
await writeBig(`${run}/big.bin`);
for (let i = 0; i < SMALL; i++) {
  await Deno.writeFile(`${run}/small/${i}.bin`, crypto.getRandomValues(new Uint8Array(1024)));
}
const has = async (name: string) =>
  await new Deno.Command("sh", { args: ["-c", `command -v ${name}`], stdout: "null" }).output()
    .then(({ success }) => success);

const servers: {
  readonly name: string;
  readonly url: string;
  readonly child: Deno.ChildProcess;
}[] = [await startOurs(), await startBare()];
if (await has("nginx")) {
  servers.unshift(await startNginx("nginx", "on"), await startNginx("nginx-no-sendfile", "off"));
}
const versions: Record<string, string | undefined> = {
  [OURS]: VERSION,
  "Deno.serve-from-memory": Deno.version.deno,
};
const nginx = await versionOf("nginx", "-v");
try {
  await compare("1 GB file, curl", "MB/s", ({ url }) => big(url));
  await compare(`${RANGES} ranges of 1 MiB`, "MB/s", ({ url }) => ranges(url));
  if (await has("wrk")) {
    await compare("1 KiB files, wrk", "requests/s", ({ url }) => small(url));
  } else leaveOut("1 KiB files, wrk", OURS, "requests/s", "wrk is not installed");
} finally {
  for (const { child } of servers) {
    child.kill("SIGTERM");
    await child.status;
  }
}

/** Measures the servers in turns; each one's best round counts. */
async function compare(
  what: string,
  unit: string,
  measure: (server: (typeof servers)[number]) => Promise<number>,
): Promise<void> {
  const best = new Map<string, number>();
  for (let i = 0; i < rounds; i++) {
    for (const server of servers) {
      const value = await measure(server);
      best.set(server.name, Math.max(best.get(server.name) ?? 0, value));
    }
  }
  report.add(...[...best].map(([tool, value]) => ({
    case: what,
    tool,
    version: versions[tool] ?? nginx,
    value,
    unit,
    better: "higher" as const,
  })));
  if (nginx === undefined) leaveOut(what, "nginx", unit, "nginx is not installed");
}

function leaveOut(what: string, tool: string, unit: string, note: string): void {
  report.add({ case: what, tool, unit, better: "higher", note: `${note}` });
}

async function big(url: string): Promise<number> {
  const { stdout } = await new Deno.Command("curl", {
    args: ["-sf", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", `${url}big.bin`],
  }).output();
  const [size, seconds] = new TextDecoder().decode(stdout).split(" ").map(Number);
  if (size !== GB) throw new Error(`${url}: ${size} bytes`);
  return size / 1e6 / seconds;
}

/** One connection, one range after the other. */
async function ranges(url: string): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < RANGES; i++) {
    const start = (i * 7919 * 4096) % (GB - RANGE);
    const response = await fetch(`${url}big.bin`, {
      headers: { range: `bytes=${start}-${start + RANGE - 1}` },
    });
    const { length } = await response.bytes();
    if (response.status !== 206 || length !== RANGE) throw new Error(`${url}: ${response.status}`);
  }
  return RANGES * RANGE / 1e3 / (performance.now() - began);
}

async function small(url: string): Promise<number> {
  const script = `${dir}/small.lua`;
  const path = new URL(url).pathname;
  await Deno.writeTextFile(
    script,
    `local i = 0
function request()
  i = (i + 1) % ${SMALL}
  return wrk.format("GET", "${path}small/" .. i .. ".bin")
end
`,
  );
  const { stdout } = await new Deno.Command("wrk", {
    args: ["-t1", "-c16", "-d3s", "-s", script, url],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (/Non-2xx/.test(text)) throw new Error(text);
  return Number(/Requests\/sec:\s*([\d.]+)/.exec(text)![1]);
}

async function writeBig(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const block = new Uint8Array(1024 ** 2);
  for (let at = 0; at < block.length; at += 65536) {
    crypto.getRandomValues(block.subarray(at, at + 65536));
  }
  for (let i = 0; i < GB / block.length; i++) await file.write(block);
}

async function startOurs() {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "-P", `${bundle.dir}/cli.js`],
      ...["serve", "--port=0", `--staging-dir=${dir}/staging`],
    ],
    cwd: bundle.dir,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  return { name: OURS, url: `${await firstLine(child)}retained-runs/${RUN}/files/`, child };
}

/** Sends what is requested from one block of memory: no file, no check. */
async function startBare() {
  const script = `${dir}/bare.ts`;
  await Deno.writeTextFile(
    script,
    `const block = new Uint8Array(512 * 1024);
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  if (request.url.includes("/small/")) return new Response(block.subarray(0, 1024));
  const range = /^bytes=(\\d+)-(\\d+)$/.exec(request.headers.get("range") ?? "");
  let left = range === null ? ${GB} : range[2] - range[1] + 1;
  const headers = { "content-length": String(left) };
  const body = new ReadableStream({
    pull(controller) {
      const chunk = block.subarray(0, Math.min(left, block.length));
      left -= chunk.length;
      controller.enqueue(chunk);
      if (left === 0) controller.close();
    },
  });
  return new Response(body, { status: range === null ? 200 : 206, headers });
});
console.log(server.addr.port);
`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "--allow-net", script],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  return {
    name: "Deno.serve-from-memory",
    url: `http://127.0.0.1:${await firstLine(child)}/`,
    child,
  };
}

async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value).trim();
}

async function startNginx(name: string, sendfile: "on" | "off") {
  const port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port: number } = port.addr;
  port.close();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${dir}/${name}-${kind};`);
  await Deno.writeTextFile(
    `${dir}/${name}.conf`,
    `daemon off; worker_processes 1; error_log stderr; pid ${dir}/${name}.pid;
events { worker_connections 512; }
http {
  access_log off; sendfile ${sendfile}; tcp_nopush on; keepalive_requests 10000000; ${
      paths.join(" ")
    }
  server { listen 127.0.0.1:${number}; root ${dir}/staging; }
}
`,
  );
  // Its worker has another user, unless the master is not root.
  for (const path of [dir, `${dir}/staging`]) await Deno.chmod(path, 0o755);
  const child = new Deno.Command("nginx", {
    args: ["-c", `${dir}/${name}.conf`, "-e", "stderr"],
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${number}/${RUN}/`;
  for (;;) {
    const answers = await fetch(`${url}small/0.bin`).then((r) => r.bytes()).then(() => true)
      .catch(() => false);
    if (answers) break;
  }
  return { name, url, child };
}
