/**
 * A cache of GitHub's responses, each with its ETag for revalidation.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { diskError } from "../errors/disk.ts";
import { openPlace } from "../ownership/ours_alone.ts";
import { ownUser } from "../ownership/own_user.ts";

/** A cached response. */
export interface CachedResponse {
  /** The ETag to send with `If-None-Match`. */
  readonly etag: string;
  /** When it was last validated, in milliseconds since 1970. */
  readonly checkedAt: number;
  /** How long it is valid according to GitHub, in milliseconds. */
  readonly maxAge: number;
  /** The headers that are needed: the content type, and the link to the next page. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body: string;
}

/**
 * Caches responses by a key of 64 hex digits. A broken cache acts like an empty one: it must not
 * stop a request that can be sent again.
 */
export interface ResponseCache {
  /**
   * Reads a response.
   *
   * @param key Its key.
   * @returns The response; `undefined`, if it is missing or damaged.
   */
  read(key: string): Promise<CachedResponse | undefined>;

  /**
   * Writes a response. After concurrent writes, one of them is complete.
   *
   * @param key Its key.
   * @param response The response.
   */
  write(key: string, response: CachedResponse): Promise<void>;
}

/** Options of {@linkcode diskResponseCache}. */
export interface DiskResponseCacheOptions {
  /** How long unused responses are kept, in milliseconds. Default: 14 days. */
  readonly maxAge?: number;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Called once, with one line, if the directory cannot be used. */
  readonly onNote?: (text: string) => void;
}

const DAY = 24 * 60 * 60 * 1000;

/** The name of a response, or of one that is being written. */
const OWN_NAME = /^[0-9a-f]{64}\.json(?:\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp)?$/;

/**
 * Caches responses in a directory, as `DIR/github/v1/ab/abcd….json`, readable only by the user: a
 * token may see what others may not. Processes of one user can share it. A response that another
 * user could have changed is not read: nobody else may own or write to a directory above it.
 *
 * @param dir The directory; it is created with the first response.
 * @param options How long responses are kept.
 * @returns The cache.
 *
 * @example
 * ```ts
 * import { openGithub } from "@therock/run-outputs";
 * import { diskResponseCache } from "@therock/run-outputs/github";
 *
 * const github = openGithub({ cache: diskResponseCache("/home/me/.cache/run-outputs") });
 * console.assert(github.requests.sent === 0);
 * ```
 */
export function diskResponseCache(
  dir: string,
  options: DiskResponseCacheOptions = {},
): ResponseCache {
  return new DiskResponseCache(join(dir, "github", "v1"), options);
}

class DiskResponseCache implements ResponseCache {
  readonly #dir: string;
  readonly #options: DiskResponseCacheOptions;
  #cleaned = false;
  #broken = false;
  #noted = false;
  #user?: Promise<number | null>;

  constructor(dir: string, options: DiskResponseCacheOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  async read(key: string): Promise<CachedResponse | undefined> {
    const path = this.#pathOf(key);
    try {
      await Deno.lstat(path);
      if (!await this.#isOurs(path)) return undefined;
      return parseEntry(await Deno.readTextFile(path));
    } catch {
      // If it is damaged in any way, a new request replaces it.
      return undefined;
    }
  }

  async write(key: string, response: CachedResponse): Promise<void> {
    if (this.#broken) return;
    const path = this.#pathOf(key);
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      if (!await this.#isOurs(dirname(path))) {
        this.#broken = true;
        return;
      }
      await Deno.writeTextFile(temporary, JSON.stringify(response), {
        mode: 0o600,
        createNew: true,
      });
      await Deno.rename(temporary, path);
      if (!this.#cleaned) await this.#clean();
    } catch (error) {
      this.#broken = true;
      await Deno.remove(temporary).catch(() => {});
      const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
      this.#options.onNote?.(`Cannot cache GitHub's responses in '${this.#dir}': ${reason}`);
    }
  }

  /** Whether only this user can change a file or directory of the cache; otherwise a note. */
  async #isOurs(path: string): Promise<boolean> {
    const open = openPlace(path, await (this.#user ??= ownUser(this.#dir)));
    if (open === undefined) return true;
    if (!this.#noted) {
      this.#options.onNote?.(
        `GitHub's responses in '${this.#dir}' are not used: '${open.path}': ${open.why}`,
      );
    }
    this.#noted = true;
    return false;
  }

  /** Deletes old files, and unfinished files of killed processes. */
  async #clean(): Promise<void> {
    this.#cleaned = true;
    const { maxAge = 14 * DAY, now = Date.now } = this.#options;
    for await (const { path, modified } of filesIn(this.#dir)) {
      const limit = isUnfinished(path) ? DAY : maxAge;
      if (now() - modified > limit) await Deno.remove(path).catch(() => {});
    }
  }

  #pathOf(key: string): string {
    return join(this.#dir, key.slice(0, 2), `${key}.json`);
  }
}

/** A stored response, or one that a killed process has not finished. */
export interface StoredResponse {
  /** Its file. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** When it was last validated, in milliseconds since 1970. */
  readonly modified: number;
}

/**
 * Lists the responses that {@linkcode diskResponseCache} has stored. Other files in its directory,
 * and what a process may be writing, are left out.
 *
 * @param dir Its directory. It need not exist.
 * @param onFailure Called for each directory that can't be listed.
 * @returns The responses. Deleting one is always safe: it is requested again.
 */
export async function storedResponses(
  dir: string,
  onFailure: (error: Error) => void,
): Promise<StoredResponse[]> {
  const found = await Array.fromAsync(filesIn(join(dir, "github", "v1"), onFailure));
  const limit = Date.now() - DAY;
  return found.filter(({ path, modified }) => !isUnfinished(path) || modified < limit);
}

async function* filesIn(
  dir: string,
  onFailure: (error: Error) => void = () => {},
): AsyncGenerator<StoredResponse> {
  for (const { name: shard, isDirectory } of await entriesOf(dir, onFailure)) {
    if (!isDirectory || !/^[0-9a-f]{2}$/.test(shard)) continue;
    for (const { name } of await entriesOf(join(dir, shard), onFailure)) {
      if (!OWN_NAME.test(name) || !name.startsWith(shard)) continue;
      const path = join(dir, shard, name);
      // Another process may delete it first.
      const stat = await Deno.lstat(path).catch(() => undefined);
      if (!stat?.isFile || stat.mtime === null) continue;
      yield { path, size: stat.size, modified: stat.mtime.getTime() };
    }
  }
}

async function entriesOf(
  dir: string,
  onFailure: (error: Error) => void,
): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) onFailure(diskError("list", dir, error));
    return [];
  }
}

function isUnfinished(path: string): boolean {
  return path.endsWith(".tmp");
}

function parseEntry(text: string): CachedResponse | undefined {
  const entry = JSON.parse(text);
  const { etag, checkedAt, maxAge, headers, body } = entry ?? {};
  const isWhole = typeof etag === "string" && etag !== "" && typeof body === "string" &&
    Number.isFinite(checkedAt) && Number.isFinite(maxAge) &&
    typeof headers === "object" && headers !== null &&
    Object.values(headers).every((value) => typeof value === "string");
  if (!isWhole) return undefined;
  // Throws if the value is not a valid header, so that it cannot be part of a response.
  new Headers({ ...headers, "if-none-match": etag });
  // A truncated or altered body that is still text would be a wrong response.
  JSON.parse(body);
  return { etag, checkedAt, maxAge, headers, body };
}
