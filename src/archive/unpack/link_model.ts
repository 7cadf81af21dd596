/**
 * A model of the directories and symbolic links below a root, which resolves paths. Pure.
 *
 * While an archive is unpacked, its links exist only in this model. Every path is resolved here and
 * then used on disk without links, so that no link on disk can lead out of the root, in whatever
 * order members come.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { foldCase, linkSegments, type Segments } from "../tar/member_path.ts";

/** The maximum number of links in one path, as in Linux. */
const MAX_LINKS = 40;

/** The target of a link at a path, `undefined` for anything else. */
export type LinkLookup = (path: string) => string | undefined;

/** The cost of a step, besides the characters of its path, and of a step through a link. */
const STEP = 64;
const LINK_STEP = 512;

/** One or two seconds of steps; real archives need less than a hundredth. */
const MAX_WORK = 400_000_000;

/** Counts the work of following links, so that a small archive cannot cause a lot of it. */
export class LinkWork {
  #left: number;

  /**
   * Creates a counter.
   *
   * @param limit The maximum work, in characters of paths. Only tests set it.
   */
  constructor(limit: number = MAX_WORK) {
    this.#left = limit;
  }

  /**
   * Counts a step.
   *
   * @param path The current path or target.
   * @param step The cost of the step besides the characters.
   * @throws {BadArchive} If the limit is exceeded.
   */
  spend(path: string, step: number = STEP): void {
    this.#left -= step + path.length;
    if (this.#left < 0) throw new BadArchive("following its links would take too long");
  }
}

/**
 * Resolves the links in a path, and optionally at its end.
 *
 * @param segments The path, with `..` as in a link's target.
 * @param start The directory to start in: a path without links; empty for the root.
 * @param linkAt Returns the target of a link.
 * @param last Whether to follow a link at the end too.
 * @param work Counts the steps.
 * @returns The path without links; `undefined` if links form a circle.
 * @throws {BadArchive} If it leads out of the root, or takes too many steps.
 */
export function resolveLinks(
  segments: Segments,
  start: string,
  linkAt: LinkLookup,
  last: boolean,
  work: LinkWork,
): string | undefined {
  let at = start;
  const rest = segments.toReversed();
  let links = 0;
  while (rest.length > 0) {
    const segment = rest.pop()!;
    work.spend(at);
    if (segment === "..") {
      if (at === "") throw new BadArchive("it points outside the target directory");
      at = parentOf(at);
      continue;
    }
    const path = below(at, segment);
    const text = rest.length > 0 || last ? linkAt(path) : undefined;
    if (text === undefined) {
      at = path;
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    work.spend(text, LINK_STEP);
    rest.push(...linkSegments(text).reverse());
  }
  return at;
}

/** The directory of a path; empty for the root. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/**
 * Checks that a link stays inside.
 *
 * @param path The path of the link, without links in it.
 * @param text Its text.
 * @param linkAt Returns the target of other links.
 * @param work Counts the steps.
 * @throws {BadArchive} If it leads out of the root. Its target need not exist.
 */
export function checkLink(path: string, text: string, linkAt: LinkLookup, work: LinkWork): void {
  try {
    resolveLinks(linkSegments(text), parentOf(path), linkAt, true, work);
  } catch (error) {
    if (!(error instanceof BadArchive)) throw error;
    const reason = error.message.startsWith("it points outside")
      ? `it is a link to ${quote(text)}, which points outside the target directory`
      : error.message;
    throw new BadArchive(reason, path);
  }
}

/** What one archive has created so far. Files are not kept, because they are on disk. */
export class LinkModel {
  readonly #directories = new Set<string>([""]);
  readonly #links = new Map<string, string>();
  /**
   * Resolved parents, kept until a link is replaced. A new link changes none of them: their paths
   * consist of directories, which a link cannot replace.
   */
  readonly #resolved = new Map<string, string>();
  readonly #work: LinkWork;
  /** Each path as it was first written, by folded form; only if the disk ignores case. */
  readonly #folded: Map<string, string> | undefined;

  /**
   * Creates the model of an empty directory.
   *
   * @param caseless Whether the disk ignores case in names. Then members that differ only in case
   * are rejected, because one would replace the other.
   * @param work Counts the work of following links.
   */
  constructor(caseless: boolean, work: LinkWork = new LinkWork()) {
    this.#work = work;
    this.#folded = caseless ? new Map() : undefined;
  }

  /** The links, by path. */
  get links(): ReadonlyMap<string, string> {
    return this.#links;
  }

  /**
   * Where a member is really written: all links in its path resolved, except at its end.
   *
   * @param segments Its path, at least one segment.
   * @param onDirectory Called for each directory to create, from the top.
   * @returns The path without links.
   * @throws {BadArchive} If the path leads out, in circles, or through something that is not a
   * directory.
   */
  place(segments: Segments, onDirectory: (path: string) => void): string {
    const parent = this.#directory(segments.slice(0, -1), onDirectory);
    const path = below(parent, segments[segments.length - 1]);
    this.#refuseCollision(path);
    return path;
  }

  /** Whether a path returned by {@linkcode place} is a directory. */
  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  /** The target of the link at a path returned by {@linkcode place}. */
  linkAt(path: string): string | undefined {
    return this.#links.get(path);
  }

  /** Adds a directory that the caller has created. */
  addDirectory(path: string): void {
    this.#directories.add(path);
  }

  /** Adds a link at a path returned by {@linkcode place}, if it stays inside. */
  addLink(path: string, text: string): void {
    this.removeLink(path);
    checkLink(path, text, this.#linkOnDisk, this.#work);
    this.#links.set(path, text);
  }

  /** Removes a link that was replaced. */
  removeLink(path: string): void {
    if (this.#links.delete(path)) this.#resolved.clear();
  }

  /**
   * The target of a link that replaces a directory.
   *
   * @param path The link.
   * @returns The resolved path of the directory; `undefined` if it is not a directory.
   */
  linkedDirectory(path: string): string | undefined {
    const own = resolveLinks(path.split("/"), "", this.#linkAt, true, this.#work);
    return own !== undefined && this.#directories.has(own) ? own : undefined;
  }

  /**
   * Checks all links again after the last member: a later link can redirect an earlier one.
   *
   * @throws {BadArchive} If one leads out.
   */
  checkLinks(): void {
    for (const [path, text] of this.#links) {
      checkLink(path, text, this.#linkOnDisk, this.#work);
    }
  }

  readonly #linkAt: LinkLookup = (path) => this.#links.get(path);

  /** As the disk finds it, in any spelling. Members in another spelling are rejected, links are not. */
  readonly #linkOnDisk: LinkLookup = (path) =>
    this.#links.get(this.#folded?.get(foldCase(path)) ?? path);

  /** The resolved path of a directory. Resolves only what has not been resolved before. */
  #directory(segments: Segments, onDirectory: (path: string) => void): string {
    let key = segments.join("/");
    let depth = segments.length;
    let own = "";
    for (; depth > 0; depth--, key = parentOf(key)) {
      const known = this.#resolved.get(key);
      if (known !== undefined) {
        own = known;
        break;
      }
      this.#work.spend(key);
    }
    for (const name of segments.slice(depth)) {
      const way = resolveLinks([name], own, this.#linkAt, true, this.#work);
      if (way === undefined) throw new BadArchive("the links in its path are circular");
      this.#make(way, onDirectory);
      own = way;
      key = below(key, name);
      this.#resolved.set(key, own);
    }
    return own;
  }

  /** Creates a directory and missing parents. */
  #make(path: string, onDirectory: (path: string) => void): void {
    const missing: string[] = [];
    for (let at = path; !this.#directories.has(at); at = parentOf(at)) {
      this.#work.spend(at);
      missing.push(at);
    }
    for (const at of missing.reverse()) {
      this.#refuseCollision(at);
      onDirectory(at);
      this.#directories.add(at);
    }
  }

  #refuseCollision(path: string): void {
    if (this.#folded === undefined) return;
    const folded = foldCase(path);
    const other = this.#folded.get(folded);
    if (other === undefined) this.#folded.set(folded, path);
    else if (other !== path) {
      throw new BadArchive(
        `it differs from ${quote(other)} only in case, and this file system ignores case`,
      );
    }
  }
}
