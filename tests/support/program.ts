/**
 * The program as a process of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** What a process did. */
export interface Ended {
  /** The exit code; of a killed process, whatever the system makes of it. */
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export interface Program {
  /** Sends a signal; one that has ended already is no error. */
  kill(signal: Deno.Signal): void;
  /** Whether it has ended. */
  readonly ended: boolean;
  /** What it did, once it has ended. */
  readonly end: Promise<Ended>;
}

/** Starts the program with the permissions that it has when compiled. */
export function start(...args: readonly string[]): Program {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", "--config", CONFIG, CLI, ...args],
    env: { NO_COLOR: "1", GITHUB_RUN_ID: "", RELEASE_TYPE: "ci", GITHUB_REPOSITORY: "" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let ended = false;
  const end = child.output().then(({ code, signal, stdout, stderr }) => {
    ended = true;
    const decoder = new TextDecoder();
    return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  });
  return {
    kill(signal) {
      try {
        child.kill(signal);
      } catch {
        // It has ended already; what it did is what counts.
      }
    },
    get ended() {
      return ended;
    },
    end,
  };
}
