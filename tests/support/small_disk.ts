/**
 * A small file system in memory, to be filled up.
 *
 * @module
 */

import assert from "node:assert/strict";
import { tempDir } from "./temp_dir.ts";

/** Whether this process may mount one: that takes root. */
export const canMount = Deno.build.os === "linux" && Deno.uid() === 0;

/** A file system of 4 MB. */
export interface SmallDisk extends AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
  /** Lets nobody write to it any more. */
  makeReadOnly(): Promise<void>;
}

/** Mounts a file system of 4 MB. */
export async function smallDisk(): Promise<SmallDisk> {
  const dir = await tempDir();
  await command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir.path);
  return {
    path: dir.path,
    makeReadOnly: () => command("mount", "-o", "remount,ro", dir.path),
    async [Symbol.asyncDispose]() {
      await command("umount", dir.path);
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function command(name: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(name, { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}
