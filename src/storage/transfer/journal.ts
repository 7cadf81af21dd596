/**
 * A journal beside work that takes long: lines in a file that only one process writes, and from
 * which another one continues when the first was killed.
 *
 * @module
 */

const NEWLINE = 0x0a;

/** A journal that this process holds. No other one gets it before it is closed. */
export class Journal implements Disposable {
  /** The entries that an earlier process left, oldest first. */
  readonly entries: readonly unknown[];
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, entries: readonly unknown[]) {
    this.#path = path;
    this.#file = file;
    this.entries = entries;
  }

  /**
   * Opens a journal, which is made if there is none.
   *
   * @param path Its file; the directory has to be there.
   * @param options `create: false` to make none: then a missing one is an error.
   * @returns The journal; `undefined`, if another process is at work on it, or no file has its name.
   * @throws What the disk says.
   */
  static async open(
    path: string,
    { create = true }: { readonly create?: boolean } = {},
  ): Promise<Journal | undefined> {
    for (;;) {
      // A link would lead elsewhere, and to open a pipe would wait for its other end. Without a pause:
      // others may remove the directory as long as it is empty.
      if (!isFileOrMissing(path)) return undefined;
      const file = await Deno.open(path, { read: true, write: true, create });
      try {
        if (!await lock(file)) {
          file.close();
          return undefined;
        }
        // Whoever held it may have removed it while we waited: then ours has no name any more.
        const [mine, named] = await Promise.all([file.stat(), stat(path)]);
        if (named === undefined || (mine.ino !== null && mine.ino !== named.ino)) {
          file.close();
          continue;
        }
        const { entries, end } = parse(await readAll(file, mine.size));
        // A new entry has to begin a line, or it is lost with the broken one before it.
        if (end < mine.size) await file.truncate(end);
        return new Journal(path, file, entries);
      } catch (error) {
        tryClose(file);
        throw error;
      }
    }
  }

  /**
   * Adds an entry. Once this returns a killed process does not lose it.
   *
   * @param entry What `JSON.stringify` takes.
   */
  append(entry: unknown): void {
    this.#file.seekSync(0, Deno.SeekMode.End);
    this.#write(`${JSON.stringify(entry)}\n`);
  }

  /**
   * Starts anew with one entry.
   *
   * @param entry What `JSON.stringify` takes.
   */
  restart(entry: unknown): void {
    this.#file.truncateSync(0);
    this.append(entry);
  }

  /** Removes the journal: the work is done, or given up. It has to be closed all the same. */
  async remove(): Promise<void> {
    await Deno.remove(this.#path);
  }

  /** Lets other processes have it. */
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
 * Whether the lock is ours. Runtimes before 2.9 can only wait, and some network file systems have no
 * locks: there, nobody shares.
 */
async function lock(file: Deno.FsFile): Promise<boolean> {
  return await file.tryLock?.(true).catch(() => false) ?? false;
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

/** The entries, and where they end; a last line that was cut by a kill is none. */
function parse(bytes: Uint8Array): { entries: unknown[]; end: number } {
  const decoder = new TextDecoder();
  const entries: unknown[] = [];
  let end = 0;
  for (let next; (next = bytes.indexOf(NEWLINE, end)) >= 0; end = next + 1) {
    try {
      entries.push(JSON.parse(decoder.decode(bytes.subarray(end, next))));
    } catch {
      // What stands behind a broken line is not to be relied on.
      break;
    }
  }
  return { entries, end };
}

function tryClose(file: Deno.FsFile): void {
  try {
    // A process that is just being started holds a copy of the file for a moment, and with it a
    // lock that was not given up.
    file.unlockSync();
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
