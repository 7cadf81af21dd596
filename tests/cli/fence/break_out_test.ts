/**
 * Threads with the grants of an invocation try to do more. They start as the command's own thread
 * does, with the permissions of the same function, and run a probe instead of the program.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { type Fencing, fencingOf } from "../../../src/cli/fence/facts.ts";
import { permissionsOf } from "../../../src/cli/fence/grants.ts";
import type { CommandLine } from "../../../src/cli/fence/invocation.ts";
import { makeGrantedLinks } from "../../../src/cli/fence/links.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";
import type { Attempt } from "./probe.ts";

const MAIN = new URL("../../../cli.ts", import.meta.url).href;

async function fencingFor(
  line: CommandLine,
  env: Readonly<Record<string, string>> = {},
): Promise<Fencing> {
  const fencing = await fencingOf(line, { env: (name) => env[name], mainModule: MAIN });
  assert("grants" in fencing);
  return fencing;
}

async function permissionsFor(
  line: CommandLine,
  env: Readonly<Record<string, string>> = {},
): Promise<Deno.PermissionOptionsObject> {
  return permissionsOf((await fencingFor(line, env)).grants);
}

/** What becomes of attempts in a thread with permissions. */
async function outcomes(
  permissions: Deno.PermissionOptionsObject,
  attempts: readonly Attempt[],
): Promise<readonly string[]> {
  const worker = new Worker(new URL("probe.ts", import.meta.url), {
    type: "module",
    deno: { permissions },
  });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(attempts);
    });
  } finally {
    worker.terminate();
  }
}

async function assertOutcomes(
  permissions: Deno.PermissionOptionsObject,
  expected: readonly (readonly [Attempt["what"], string, "done" | "denied"])[],
): Promise<void> {
  const attempts = expected.map(([what, at]) => ({ what, at }));
  const actual = await outcomes(permissions, attempts);
  const shown = (outcome: (index: number) => string) =>
    attempts.map(({ what, at }, index) => `${what} ${at}: ${outcome(index)}`);
  assert.deepEqual(shown((index) => actual[index]), shown((index) => expected[index][2]));
}

function serving(): { readonly host: string } & AsyncDisposable {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("here"),
  );
  return {
    host: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** What no command may. */
const NEVER = [
  ["run", "true", "denied"],
  ["load", "/lib/libnothing.so", "denied"],
  ["import", "https://example.com/module.ts", "denied"],
  ["read", "/etc/passwd", "denied"],
] as const;

function fetchLine(
  dir: { readonly path: string },
  more: Readonly<Record<string, unknown>>,
): CommandLine {
  return {
    command: "fetch",
    args: [[]],
    options: { runId: "1", outputDir: join(dir.path, "out"), ...more },
  };
}

Deno.test("fetch from S3: reads and writes its output, connects to its server, nothing else", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out/kept": "1", "secret": "2" });
  await using own = serving();
  await using other = serving();
  const line = fetchLine(dir, { endpointUrl: `http://${own.host}`, signRequest: false });
  await assertOutcomes(await permissionsFor(line), [
    ["write", join(dir.path, "out/new"), "done"],
    ["read", join(dir.path, "out/kept"), "done"],
    ["write", join(dir.path, "beside"), "denied"],
    ["write", join(dir.path, "out2"), "denied"],
    ["read", join(dir.path, "secret"), "denied"],
    ["connect", `http://${own.host}/`, "done"],
    ["connect", `http://${other.host}/`, "denied"],
    ["connect", `http://localhost:${own.host.split(":")[1]}/`, "denied"],
    ...NEVER,
  ]);
});

Deno.test("serve of a bucket: it connects to the server of the bucket, and writes nothing", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "secret": "2" });
  await using own = serving();
  await using other = serving();
  const line: CommandLine = {
    command: "serve",
    args: [],
    options: { bucket: "b", endpointUrl: `http://${own.host}`, signRequest: false, port: "0" },
  };
  await assertOutcomes(await permissionsFor(line), [
    ["connect", `http://${own.host}/`, "done"],
    ["connect", `http://localhost:${other.host.split(":")[1]}/`, "denied"],
    ["write", join(dir.path, "new"), "denied"],
    ["read", join(dir.path, "secret"), "denied"],
    ...NEVER,
  ]);
});

Deno.test("fetch from a staging directory: it is only read, and there is no network", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "staging/1-linux/a": "1", "out/b": "2" });
  await using other = serving();
  const line = fetchLine(dir, { stagingDir: join(dir.path, "staging") });
  await assertOutcomes(await permissionsFor(line), [
    ["read", join(dir.path, "staging/1-linux/a"), "done"],
    ["write", join(dir.path, "staging/1-linux/a"), "denied"],
    ["write", join(dir.path, "out/c"), "done"],
    ["connect", `http://${other.host}/`, "denied"],
    ...NEVER,
  ]);
});

Deno.test("upload: its files are read and its output is written, not the other way round", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "in/a": "1", "staging/b": "2", "c": "3" });
  const line: CommandLine = {
    command: "upload files",
    args: [[join(dir.path, "in")]],
    options: { outputDir: join(dir.path, "staging"), to: "x", runId: "1" },
  };
  const summary = join(dir.path, "summary");
  await Deno.writeTextFile(summary, "");
  await assertOutcomes(await permissionsFor(line, { GITHUB_STEP_SUMMARY: summary }), [
    ["read", join(dir.path, "in/a"), "done"],
    ["write", join(dir.path, "in/a"), "denied"],
    ["write", join(dir.path, "staging/new"), "done"],
    ["write", summary, "done"],
    ["write", join(dir.path, "summary2"), "denied"],
    ["read", join(dir.path, "c"), "denied"],
    ...NEVER,
  ]);
});

Deno.test("a directory behind a link may be used by both of its names", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "real/deep/out/a": "1", "real/other": "2" });
  await Deno.symlink(join(dir.path, "real/deep"), join(dir.path, "link"));
  const line = fetchLine(dir, {
    stagingDir: join(dir.path, "link/none"),
    outputDir: join(dir.path, "link/out"),
  });
  await assertOutcomes(await permissionsFor(line), [
    ["write", join(dir.path, "link/out/a"), "done"],
    ["write", join(dir.path, "real/deep/out/a"), "done"],
    ["read", join(dir.path, "real/other"), "denied"],
    ["write", join(dir.path, "real/deep/beside"), "denied"],
  ]);
});

Deno.test("an input that is a link out of its directory is read by its name", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "in/a": "1", "elsewhere": "2" });
  await Deno.symlink(join(dir.path, "elsewhere"), join(dir.path, "in/link"));
  const line: CommandLine = {
    command: "upload files",
    args: [[join(dir.path, "in/link")]],
    options: { outputDir: join(dir.path, "staging"), to: "x" },
  };
  await assertOutcomes(await permissionsFor(line), [
    ["read", join(dir.path, "in/link"), "done"],
    ["read", join(dir.path, "in/a"), "denied"],
  ]);
});

/** Asks the first thread for links: `PATH -> TEXT`. */
function askForLinks(fencing: Fencing, root: string, links: readonly string[]): void {
  const wanted = links.map((link) => link.split(" -> "))
    .map(([path, text]) => ({ path, text, modified: undefined }));
  makeGrantedLinks({ root, links: wanted, style: "posix" }, fencing);
}

function assertLinksDenied(fencing: Fencing, root: string, links: readonly string[]): void {
  assert.throws(
    () => askForLinks(fencing, root, links),
    (error) => error instanceof RunOutputsError && error.code === "denied",
    links.join(", "),
  );
}

Deno.test("links for a thread: none that leads out of the tree is made, also through other links", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out/tree/a/b/file": "1", "secret": "2", "out/beside": "3" });
  const fencing = await fencingFor(fetchLine(dir, {}));
  const tree = join(dir.path, "out/tree");
  for (
    const links of [
      ["l -> .."],
      ["l -> ../beside"],
      ["a/l -> ../../../secret"],
      [`l -> ${dir.path}/secret`],
      [`l -> ${tree}/a`],
      ["../l -> beside"],
      ["d -> .", "l -> d/d/../.."],
      ["l -> d/d/../..", "d -> ."],
      // Until a later request, its names don't exist.
      ["l -> e/e/../.."],
      // Back in by its name, which can become another's.
      ["l -> ../tree/a"],
    ]
  ) assertLinksDenied(fencing, tree, links);
  askForLinks(fencing, tree, ["d -> .", "deep -> a/b", "a/b/up -> ../.."]);
  for (const text of ["d/..", "d/d/../..", "d/a/../..", "deep/../../..", "a/b/../../.."]) {
    assertLinksDenied(fencing, tree, [`l -> ${text}`]);
  }
  // It is made where the link in its path leads.
  for (const link of ["a/b/up/l -> ../beside", "d/l -> .."]) {
    assertLinksDenied(fencing, tree, [link]);
  }
  const made = Array.from(Deno.readDirSync(tree), ({ name }) => name).sort();
  assert.deepEqual(made, ["a", "d", "deep"]);
});

Deno.test("links for a thread: those of archives are made", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out/tree/a/b/file": "1", "out/tree/lib/lib.so.1": "2" });
  const fencing = await fencingFor(fetchLine(dir, {}));
  const tree = join(dir.path, "out/tree");
  const links = [
    "lib/lib.so -> lib.so.1",
    "a/lib -> ../lib",
    "a/b/root -> ../..",
    "a/through -> lib/lib.so",
    "a/normal -> b/../../lib/./lib.so.1",
    "dangling -> none/file",
    "here -> .",
  ];
  askForLinks(fencing, tree, links);
  for (const [path, text] of links.map((link) => link.split(" -> "))) {
    assert.equal(await Deno.readLink(join(tree, path)), text);
  }
});

Deno.test("links for a thread: only for commands that unpack, only where they write", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "in/a": "1", "out/b": "2" });
  const [input, output] = [join(dir.path, "in"), join(dir.path, "out")];
  const fetch = await fencingFor(fetchLine(dir, { stagingDir: input }));
  askForLinks(fetch, output, ["l -> b"]);
  assertLinksDenied(fetch, input, ["l -> a"]);
  const upload: CommandLine = {
    command: "upload files",
    args: [[input]],
    options: { outputDir: output, to: "x", runId: "1" },
  };
  assertLinksDenied(await fencingFor(upload), output, ["l2 -> b"]);
});

// docs/permissions.md names this limit. If the runtime begins to check the target, it is none.
Deno.test("a limit: a thread that moves a link up can use what it then leads to", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out/a/b": "1", "secret": "2" });
  const line = fetchLine(dir, {});
  const out = join(dir.path, "out");
  askForLinks(await fencingFor(line), out, ["a/l -> ../secret"]);
  await assertOutcomes(await permissionsFor(line), [
    ["read", join(dir.path, "secret"), "denied"],
    ["move", `${out}/a/l -> ${out}/l`, "done"],
    ["read", join(out, "l"), "done"],
  ]);
});
