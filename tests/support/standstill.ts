/**
 * Loaded before a program that a test kills or interrupts: the program stands still before one of
 * its changes, so that it is there when the signal comes, on any machine.
 *
 * @module
 */

import { WRITING } from "../../src/storage/disk_pace.ts";
import { STANDS, type Standstill } from "./kill.ts";

/** What changes a disk: the position of the path that is changed, which is the new one of two. */
const ON_DISK = {
  create: 0,
  link: 1,
  linkSync: 1,
  mkdir: 0,
  mkdirSync: 0,
  remove: 0,
  removeSync: 0,
  rename: 1,
  renameSync: 1,
  writeTextFile: 0,
} as const;

const { at, path = "", interrupted = false, file } = JSON.parse(Deno.env.get(STANDS)!) as
  & Standstill
  & { readonly file: string };
const pattern = new RegExp(path);
const { writeTextFileSync } = Deno;
let changes = 0;

/** A test that was killed itself kills nobody, and nothing else would end the program. */
const FORGOTTEN_AFTER = 600_000;

const interruption = Promise.withResolvers<void>();
if (interrupted) Deno.addSignalListener("SIGINT", interruption.resolve);

/** Counts a change; from the right one on the program stands, until it is interrupted or killed. */
function stand(changed: string): Promise<void> | undefined {
  if (!pattern.test(changed) || ++changes < at) return undefined;
  if (changes === at) writeTextFileSync(file, `${changed}\n`);
  if (interrupted) return interruption.promise;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FORGOTTEN_AFTER);
  Deno.exit(1);
}

// deno-lint-ignore no-explicit-any -- functions of many types are wrapped alike
type Any = any;

function wrap(holder: Any, name: string, changed: (args: Any[]) => string | undefined): void {
  const original = holder[name];
  holder[name] = function (this: unknown, ...args: unknown[]) {
    // What is synchronous can't wait for a signal.
    const path = interrupted && name.endsWith("Sync") ? undefined : changed(args);
    const standing = path === undefined ? undefined : stand(path);
    const go = () => original.apply(this, args);
    return standing === undefined ? go() : standing.then(go);
  };
}

// An interruption needs changes that can wait for it.
if (interrupted) WRITING.call = (_, aside) => aside();

for (const [name, position] of Object.entries(ON_DISK)) {
  wrap(Deno, name, (args) => `${args[position]}`);
}
for (const name of ["write", "writeSync"]) wrap(Deno.FsFile.prototype, name, () => "");
wrap(
  globalThis,
  "fetch",
  ([url, init]) => /^(?:GET|HEAD)?$/.test(init?.method ?? "") ? undefined : `${url}`,
);

// A command works in a thread of its own, where nothing is loaded before it.
const Original = globalThis.Worker;
globalThis.Worker = class extends Original {
  constructor(url: string | URL, options: Any) {
    const isCommand = `${url}`.endsWith("/src/cli/worker.ts");
    if (isCommand) {
      const permissions = options.deno?.permissions;
      if (permissions?.read) permissions.read = [...permissions.read, file];
      if (permissions) permissions.write = [...permissions.write || [], file];
    }
    super(isCommand ? new URL("standing_worker.ts", import.meta.url) : url, options);
  }
};
