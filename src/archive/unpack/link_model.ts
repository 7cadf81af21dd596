/**
 * Which directories and symbolic links there are below a root, and where a path really leads. Pure.
 *
 * While an archive is unpacked its links exist only here. Every path is resolved here first and
 * used on disk with no link in it, so nothing on the disk can be followed out of the root, in
 * whatever order members come.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { foldCase, linkSegments, type Segments } from "../tar/member_path.ts";

/** As many links on the way to one file as Linux follows. */
const MAX_LINKS = 40;

/** The text of a link at a path, `undefined` for anything else. */
export type LinkLookup = (path: string) => string | undefined;

/**
 * Follows the links on the way to a path, and at its end if asked.
 *
 * @param segments Where to, with `..` as in a link's text.
 * @param start Where from: a directory's own path, with no link in it.
 * @param linkAt Tells the text of a link.
 * @param last Whether a link at the end is followed too.
 * @returns The path with no link on the way, or `undefined` where links go in circles.
 * @throws {BadArchive} If it leads out of the root.
 */
export function resolveLinks(
  segments: Segments,
  start: Segments,
  linkAt: LinkLookup,
  last: boolean,
): string[] | undefined {
  const path = [...start];
  const rest = segments.toReversed();
  let links = 0;
  while (rest.length > 0) {
    const segment = rest.pop()!;
    if (segment === "..") {
      if (path.length === 0) throw new BadArchive("it leads out of the target directory");
      path.pop();
      continue;
    }
    path.push(segment);
    const text = rest.length > 0 || last ? linkAt(path.join("/")) : undefined;
    if (text === undefined) continue;
    if (++links > MAX_LINKS) return undefined;
    path.pop();
    rest.push(...linkSegments(text).reverse());
  }
  return path;
}

/**
 * Checks that a link stays inside.
 *
 * @param path Where the link is, with no link on the way.
 * @param text Its text.
 * @param linkAt Tells the text of other links.
 * @throws {BadArchive} If it leads out of the root. Where it leads to need not exist.
 */
export function checkLink(path: Segments, text: string, linkAt: LinkLookup): void {
  try {
    resolveLinks(linkSegments(text), path.slice(0, -1), linkAt, true);
  } catch (error) {
    if (!(error instanceof BadArchive)) throw error;
    const reason = error.message.startsWith("it leads")
      ? `it is a link to ${quote(text)}, which leads out of the target directory`
      : error.message;
    throw new BadArchive(reason, path.join("/"));
  }
}

/** What one archive has made so far. Files are not kept: the disk knows them. */
export class LinkModel {
  readonly #directories = new Set<string>([""]);
  readonly #links = new Map<string, string>();
  /** Parents that were resolved before, until a link changes. */
  readonly #resolved = new Map<string, string>();
  /** By its folded form, each path as it was first written; only where case does not count. */
  readonly #folded: Map<string, string> | undefined;

  /**
   * Creates the model of an empty directory.
   *
   * @param caseless Whether the disk takes names that differ only in case for one: such members
   * are refused, because one of them would replace the other.
   */
  constructor(caseless: boolean) {
    this.#folded = caseless ? new Map() : undefined;
  }

  /** The links, by their paths. */
  get links(): ReadonlyMap<string, string> {
    return this.#links;
  }

  /**
   * Where a member is really written: all links on the way to it followed, none at its end.
   *
   * @param segments Its place, at least one segment.
   * @param onDirectory Is told of each directory that has to be made, from the top.
   * @returns The path with no link in it.
   * @throws {BadArchive} If the way leads out, in circles, or through what is no directory.
   */
  place(segments: Segments, onDirectory: (path: string) => void): string {
    const parent = segments.slice(0, -1);
    const key = parent.join("/");
    let resolved = this.#resolved.get(key);
    if (resolved === undefined) {
      resolved = this.#directory(parent, onDirectory);
      this.#resolved.set(key, resolved);
    }
    const name = segments[segments.length - 1];
    const path = resolved === "" ? name : `${resolved}/${name}`;
    this.#refuseCollision(path);
    return path;
  }

  /** Whether a directory is at a path that {@linkcode place} gave. */
  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  /** The text of a link at a path that {@linkcode place} gave. */
  linkAt(path: string): string | undefined {
    return this.#links.get(path);
  }

  /** Notes a directory; the caller has made it. */
  addDirectory(path: string): void {
    this.#directories.add(path);
  }

  /** Notes a link at a path that {@linkcode place} gave, if it stays inside. */
  addLink(path: string, text: string): void {
    checkLink(path.split("/"), text, (other) => this.#links.get(other));
    this.#links.set(path, text);
    this.#resolved.clear();
  }

  /** Notes that something else is there now. */
  removeLink(path: string): void {
    if (this.#links.delete(path)) this.#resolved.clear();
  }

  /**
   * Where a link in place of a directory leads.
   *
   * @param path The link.
   * @returns The directory's own path, or `undefined` if it leads to none.
   */
  linkedDirectory(path: string): string | undefined {
    const target = resolveLinks(path.split("/"), [], (other) => this.#links.get(other), true);
    const own = target?.join("/");
    return own !== undefined && this.#directories.has(own) ? own : undefined;
  }

  /**
   * Checks all links once more, now that all members are known: one that was harmless can lead
   * out by another one that came later.
   *
   * @throws {BadArchive} If one does.
   */
  checkLinks(): void {
    for (const [path, text] of this.#links) {
      checkLink(path.split("/"), text, (other) => this.#links.get(other));
    }
  }

  #directory(segments: Segments, onDirectory: (path: string) => void): string {
    const way = resolveLinks(segments, [], (path) => this.#links.get(path), true);
    if (way === undefined) throw new BadArchive("the links on the way to it go in circles");
    for (let depth = 1; depth <= way.length; depth++) {
      const path = way.slice(0, depth).join("/");
      if (this.#directories.has(path)) continue;
      this.#refuseCollision(path);
      onDirectory(path);
      this.#directories.add(path);
    }
    return way.join("/");
  }

  #refuseCollision(path: string): void {
    if (this.#folded === undefined) return;
    const folded = foldCase(path);
    const other = this.#folded.get(folded);
    if (other === undefined) this.#folded.set(folded, path);
    else if (other !== path) {
      throw new BadArchive(
        `it differs from ${quote(other)} only in case: this disk takes them for one`,
      );
    }
  }
}
