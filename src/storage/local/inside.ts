/**
 * Uses of files and directories below a directory that no link leads out of, even if somebody puts
 * one in the way meanwhile.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { ReadableFile } from "../byte_source.ts";
import { RegularFile } from "./regular_file.ts";
import { type NamedEntry, readDirectory } from "./disk_name.ts";

/** An open file. */
export interface OpenedFile {
  /** The file. */
  readonly file: ReadableFile;
  /** Its information. */
  readonly stat: Deno.FileInfo;
}

/** How often a file is opened again that was replaced while it was opened. */
const ATTEMPTS = 10;

/** How often a name is checked after its use: a check can be between two replacements. */
const CHECKS = 3;

/** Checks whether paths below a directory lead to themselves. */
export class Inside {
  readonly #dir: string;
  readonly #neverWaits: boolean;
  /** The directory without links, when it was last looked up. */
  #real: string | undefined;

  /**
   * Creates the check.
   *
   * @param dir The directory, an absolute path; it can be a link itself.
   * @param neverWaits Whether files are opened without waiting.
   */
  constructor(dir: string, neverWaits: boolean = false) {
    this.#dir = dir;
    this.#neverWaits = neverWaits;
  }

  /**
   * Opens a regular file. The system follows links, so its name is compared with what is open.
   *
   * @param path The file.
   * @param check Throws, if a directory above is a link.
   * @returns The open file; `undefined`, if the path is a link, a directory or a special file.
   * @throws {RunOutputsError} `conflict`, if it is replaced again and again. What `check` throws.
   * @throws Errors of the disk, as thrown by `Deno`.
   */
  open(path: string, check: () => void): OpenedFile | undefined {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      check();
      if (!Deno.lstatSync(path).isFile) return undefined;
      const file = this.#neverWaits ? new RegularFile(path) : Deno.openSync(path);
      try {
        const opened = file.statSync();
        const stat = Deno.lstatSync(path);
        if (isSameFile(opened, stat) && this.#isStill(path, stat)) return { file, stat };
      } catch (error) {
        file.close();
        throw error;
      }
      file.close();
    }
    throw new RunOutputsError("conflict", `Cannot read '${path}': it is replaced again and again`);
  }

  /**
   * Reads a directory.
   *
   * @param path The directory.
   * @param check Throws, if a directory above is a link.
   * @param signal Aborts reading.
   * @returns Its entries, in no order; none, if it is a link.
   * @throws {RunOutputsError} `conflict`, if it is replaced again and again. What `check` throws.
   * @throws Errors of the disk, as thrown by `Deno`; the signal's reason.
   */
  async readDirectory(
    path: string,
    check: () => void,
    signal?: AbortSignal,
  ): Promise<NamedEntry[]> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      check();
      const before = this.#look(path);
      if (before.isSymlink) return [];
      const entries = await readDirectory(path, signal);
      if (this.#isStill(path, before)) return entries;
    }
    throw new RunOutputsError("conflict", `Cannot list '${path}': it is replaced again and again`);
  }

  #look(path: string): Deno.FileInfo {
    return path === this.#dir ? Deno.statSync(path) : Deno.lstatSync(path);
  }

  /** Whether a path is what it was when it was used, and no link is in it. */
  #isStill(path: string, before: Deno.FileInfo): boolean {
    for (let i = 0; i < CHECKS; i++) {
      const now = this.#look(path);
      if (!isSameFile(now, before) || now.isSymlink || !this.#leadsToItself(path)) return false;
    }
    return true;
  }

  #leadsToItself(path: string): boolean {
    const real = Deno.realPathSync(path);
    const rest = path.slice(this.#dir.length);
    if (this.#real !== undefined && isSamePath(real, this.#real + rest)) return true;
    // The directory can be a link to another one since.
    this.#real = Deno.realPathSync(this.#dir);
    return isSamePath(real, this.#real + rest);
  }
}

/** What identifies a file. */
interface Identity {
  readonly dev: number;
  readonly ino: number | null;
}

/** Where the system does not tell the inodes of files, only their paths are compared. */
function isSameFile(a: Identity, b: Identity): boolean {
  return !a.ino || !b.ino || a.ino === b.ino && a.dev === b.dev;
}

/** Some disks take other spellings of a name, and the system returns the stored one. */
function isSamePath(a: string, b: string): boolean {
  return a === b || spelling(a) === spelling(b);
}

function spelling(path: string): string {
  return path.normalize("NFC").toLowerCase();
}
