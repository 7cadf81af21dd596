/**
 * A process of cache_child.ts, led step by step.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./cache_child.ts", import.meta.url));

/** A running process; disposing of it lets it go on to its end. */
export interface CacheProcess extends AsyncDisposable {
  /** All lines so far. */
  readonly lines: readonly string[];
  /** Waits for a line that starts with a text. */
  line(start: string): Promise<string>;
  /** Lets it go one step further. */
  go(): Promise<void>;
  /** Kills it, and waits for its end. */
  kill(): Promise<void>;
}

/** Starts a process that takes contents from a cache. */
export function startCacheProcess(
  dir: string,
  maxBytes: number,
  ...contents: readonly string[]
): CacheProcess {
  return startCacheChild(["--allow-read", "--allow-write"], dir, maxBytes, contents);
}

/** Starts a process that is not allowed to write. */
export function startCacheReader(dir: string, ...contents: readonly string[]): CacheProcess {
  return startCacheChild(["--allow-read"], dir, 1, contents);
}

function startCacheChild(
  permissions: readonly string[],
  dir: string,
  maxBytes: number,
  contents: readonly string[],
): CacheProcess {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", ...permissions, CHILD, dir, `${maxBytes}`, ...contents],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = process.stdin.getWriter();
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const lines: string[] = [];
  let rest = "";
  let read = 0;
  let ended = false;
  return {
    lines,
    async line(start) {
      for (;;) {
        while (read < lines.length) {
          const line = lines[read++];
          if (line.startsWith(start)) return line;
        }
        const { value, done } = await output.read();
        assert(!done, `it ended without '${start}': ${lines.join(", ")}`);
        const parts = (rest + value).split("\n");
        rest = parts.pop()!;
        lines.push(...parts);
      }
    },
    go: () => input.write(new Uint8Array(1)),
    async kill() {
      process.kill("SIGKILL");
      await process.status;
    },
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      await input.close().catch(() => {/* it is gone */});
      while (!(await output.read()).done);
      await process.status;
    },
  };
}
