/**
 * Answers of GitHub that are kept, each with the ETag that asks whether it has changed.
 *
 * @module
 */

import { dirname, join } from "node:path";

/** An answer that is kept. */
export interface CachedResponse {
  /** The ETag to send with `If-None-Match`. */
  readonly etag: string;
  /** When it was last known to be right, in milliseconds since 1970. */
  readonly checkedAt: number;
  /** For how long GitHub says that it can be taken for right, in milliseconds. */
  readonly maxAge: number;
  /** The headers that matter: the content type, and the link to the next page. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body: string;
}

/**
 * Keeps answers by a key of 64 hex digits. A cache that does not work is an empty one to its reader:
 * it must not stop a question that can be asked anew.
 */
export interface ResponseCache {
  /**
   * Reads an answer.
   *
   * @param key Its key.
   * @returns The answer; `undefined`, if there is none, or one that is damaged.
   */
  read(key: string): Promise<CachedResponse | undefined>;

  /**
   * Keeps an answer; of two at once one stays, whole.
   *
   * @param key Its key.
   * @param response The answer.
   */
  write(key: string, response: CachedResponse): Promise<void>;
}

/** Options of {@linkcode diskResponseCache}. */
export interface DiskResponseCacheOptions {
  /** How long an answer that nobody asks for is kept, in milliseconds. Default: 14 days. */
  readonly maxAge?: number;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Told that the directory can't be used: one line, once. */
  readonly onNote?: (text: string) => void;
}

const DAY = 24 * 60 * 60 * 1000;

/**
 * Keeps answers in a directory, as `DIR/github/v1/ab/abcd….json`, readable by the user alone: a
 * token may see what others may not. Any number of processes can share it.
 *
 * @param dir The directory; it is made when the first answer comes.
 * @param options How long answers are kept.
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

  constructor(dir: string, options: DiskResponseCacheOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  async read(key: string): Promise<CachedResponse | undefined> {
    try {
      return parseEntry(await Deno.readTextFile(this.#pathOf(key)));
    } catch {
      // Whatever is wrong with it, the question is asked anew and the answer takes its place.
      return undefined;
    }
  }

  async write(key: string, response: CachedResponse): Promise<void> {
    if (this.#broken) return;
    const path = this.#pathOf(key);
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
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

  /** Removes what is old, and what killed processes have left half written. */
  async #clean(): Promise<void> {
    this.#cleaned = true;
    const { maxAge = 14 * DAY, now = Date.now } = this.#options;
    for await (const { name, isDirectory } of Deno.readDir(this.#dir)) {
      if (!isDirectory || !/^[0-9a-f]{2}$/.test(name)) continue;
      for await (const entry of Deno.readDir(join(this.#dir, name))) {
        const path = join(this.#dir, name, entry.name);
        // Another process may remove it first.
        const stat = await Deno.lstat(path).catch(() => undefined);
        const limit = entry.name.endsWith(".tmp") ? DAY : maxAge;
        if (stat?.isFile && stat.mtime !== null && now() - stat.mtime.getTime() > limit) {
          await Deno.remove(path).catch(() => {});
        }
      }
    }
  }

  #pathOf(key: string): string {
    return join(this.#dir, key.slice(0, 2), `${key}.json`);
  }
}

function parseEntry(text: string): CachedResponse | undefined {
  const entry = JSON.parse(text);
  const { etag, checkedAt, maxAge, headers, body } = entry ?? {};
  const isWhole = typeof etag === "string" && etag !== "" && typeof body === "string" &&
    Number.isFinite(checkedAt) && Number.isFinite(maxAge) &&
    typeof headers === "object" && headers !== null &&
    Object.values(headers).every((value) => typeof value === "string");
  if (!isWhole) return undefined;
  // What no header can be is none of an answer either; this throws.
  new Headers({ ...headers, "if-none-match": etag });
  // A truncated or altered body that is still text would otherwise be an answer nobody gave.
  JSON.parse(body);
  return { etag, checkedAt, maxAge, headers, body };
}
