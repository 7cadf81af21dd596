/**
 * A journal of long operations: lines in a file that only one process writes, and from which
 * another one resumes after a kill.
 *
 * @module
 */

import { dirname } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import { isOwnedBy, ownUser } from "../../ownership/own_user.ts";

const NEWLINE = 0x0a;

/** Options of {@linkcode Journal.open}. */
export interface JournalOptions {
  /** Create it if it does not exist. Default: `true`. */
  readonly create?: boolean;
  /** Reject one that another user has written, or could change. Default: `false`. */
  readonly own?: boolean;
}

/** A journal that this process has locked. No other process gets it before it is closed. */
export class Journal implements Disposable {
  /** The entries of an earlier process, oldest first. */
  readonly entries: readonly unknown[];
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, entries: readonly unknown[]) {
    this.#path = path;
    this.#file = file;
    this.entries = entries;
  }

  /**
   * Opens a journal; creates it if it does not exist.
   *
   * @param path Its file; the directory must exist.
   * @param options Whether to create it, and whose it must be.
   * @returns The journal; `undefined`, if another process has locked it, or the file is of another
   * kind.
   * @throws {RunOutputsError} `denied`, if another user could have written it.
   * @throws What the disk says.
   */
  static async open(
    path: string,
    { create = true, own = false }: JournalOptions = {},
  ): Promise<Journal | undefined> {
    for (;;) {
      // A link would lead elsewhere, and opening a pipe would wait for its other end. Without an
      // `await`: others may delete the directory as long as it is empty.
      if (!isFileOrMissing(path)) return undefined;
      const mode = own ? 0o600 : undefined;
      const file = await Deno.open(path, { read: true, write: true, create, mode });
      try {
        if (own) await checkOwn(path, await file.stat());
        if (!await lock(file)) {
          file.close();
          return undefined;
        }
        // Its last owner may have deleted it while we waited: then our file has no name any more.
        const [mine, named] = await Promise.all([file.stat(), stat(path)]);
        if (named === undefined || (mine.ino !== null && mine.ino !== named.ino)) {
          file.close();
          continue;
        }
        const { entries, end } = parse(await readAll(file, mine.size));
        // A new entry must begin on its own line, or it is lost with an incomplete one before it.
        if (end < mine.size) await file.truncate(end);
        return new Journal(path, file, entries);
      } catch (error) {
        tryClose(file);
        throw error;
      }
    }
  }

  /**
   * Appends an entry, which a kill cannot lose once this returns.
   *
   * @param entry A value for `JSON.stringify`.
   */
  append(entry: unknown): void {
    this.#file.seekSync(0, Deno.SeekMode.End);
    this.#write(`${JSON.stringify(entry)}\n`);
  }

  /**
   * Starts again with one entry.
   *
   * @param entry A value for `JSON.stringify`.
   */
  restart(entry: unknown): void {
    this.#file.truncateSync(0);
    this.append(entry);
  }

  /**
   * Deletes the journal, because the operation is finished or given up. It must still be closed.
   */
  async remove(): Promise<void> {
    await Deno.remove(this.#path);
  }

  /** Releases it for other processes. */
  [Symbol.dispose](): void {
    tryClose(this.#file);
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let offset = 0; offset < bytes.length;) {
      offset += this.#file.writeSync(bytes.subarray(offset));
    }
  }
}

/**
 * Whether we have the lock. Runtimes before 2.9 can only wait, and some network file systems have
 * no locks: there, journals are not shared.
 */
async function lock(file: Deno.FsFile): Promise<boolean> {
  return await file.tryLock?.(true).catch(() => false) ?? false;
}

/** Rejects a file that another user owns or may write to, wherever it is. */
async function checkOwn(path: string, info: Deno.FileInfo): Promise<void> {
  const user = await ownUser(dirname(path));
  if (user === null || isOwnedBy(info, user)) return;
  throw new RunOutputsError(
    "denied",
    `Cannot use '${path}': another user owns it or may write to it; remove it`,
  );
}

function isFileOrMissing(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function readAll(file: Deno.FsFile, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  while (offset < size) {
    const count = await file.read(bytes.subarray(offset));
    if (count === null) break;
    offset += count;
  }
  return bytes.subarray(0, offset);
}

/** The entries and their end; a last line that was cut by a kill is ignored. */
function parse(bytes: Uint8Array): { entries: unknown[]; end: number } {
  const decoder = new TextDecoder();
  const entries: unknown[] = [];
  let end = 0;
  for (let next; (next = bytes.indexOf(NEWLINE, end)) >= 0; end = next + 1) {
    try {
      entries.push(JSON.parse(decoder.decode(bytes.subarray(end, next))));
    } catch {
      // Lines after a broken one are not reliable.
      break;
    }
  }
  return { entries, end };
}

function tryClose(file: Deno.FsFile): void {
  try {
    // A process that is just being started has a copy of the file for a moment, and with it the
    // lock.
    file.unlockSync();
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
