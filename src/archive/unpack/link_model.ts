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

/** What a step costs beside the characters of its path, and what one through a link does. */
const STEP = 64;
const LINK_STEP = 512;

/** A second or two of steps; real archives need less than a hundredth. */
const MAX_WORK = 400_000_000;

/** Counts the work of following links, so that a small archive can't ask for much of it. */
export class LinkWork {
  #left: number;

  /**
   * Creates a counter.
   *
   * @param limit How much work there may be, in characters of paths. Only tests give one.
   */
  constructor(limit: number = MAX_WORK) {
    this.#left = limit;
  }

  /**
   * Counts a step.
   *
   * @param path The path or text that is looked at.
   * @param step What the step costs beside its characters.
   * @throws {BadArchive} If it is one too many.
   */
  spend(path: string, step: number = STEP): void {
    this.#left -= step + path.length;
    if (this.#left < 0) throw new BadArchive("following its links would take too long");
  }
}

/**
 * Follows the links on the way to a path, and at its end if asked.
 *
 * @param segments Where to, with `..` as in a link's text.
 * @param start Where from: a directory's own path, with no link in it; empty for the root.
 * @param linkAt Tells the text of a link.
 * @param last Whether a link at the end is followed too.
 * @param work Counts the steps.
 * @returns The path with no link on the way, or `undefined` where links go in circles.
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

/** The directory that a path is in; empty for the root. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/**
 * Checks that a link stays inside.
 *
 * @param path Where the link is, with no link on the way.
 * @param text Its text.
 * @param linkAt Tells the text of other links.
 * @param work Counts the steps.
 * @throws {BadArchive} If it leads out of the root. Where it leads to need not exist.
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

/** What one archive has made so far. Files are not kept: the disk knows them. */
export class LinkModel {
  readonly #directories = new Set<string>([""]);
  readonly #links = new Map<string, string>();
  /**
   * Parents that were resolved before, until a link is replaced. A new link changes none of them:
   * the way to each is made of directories, and no link may take a directory's place.
   */
  readonly #resolved = new Map<string, string>();
  readonly #work: LinkWork;
  /** By its folded form, each path as it was first written; only where case does not count. */
  readonly #folded: Map<string, string> | undefined;

  /**
   * Creates the model of an empty directory.
   *
   * @param caseless Whether the disk takes names that differ only in case for one: such members
   * are refused, because one of them would replace the other.
   * @param work Counts the work of following links.
   */
  constructor(caseless: boolean, work: LinkWork = new LinkWork()) {
    this.#work = work;
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
    const parent = this.#directory(segments.slice(0, -1), onDirectory);
    const path = below(parent, segments[segments.length - 1]);
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
    this.removeLink(path);
    checkLink(path, text, this.#linkAt, this.#work);
    this.#links.set(path, text);
  }

  /** Notes that something else is there now. */
  removeLink(path: string): void {
    if (this.#links.delete(path)) this.#resolved.clear();
  }

  /**
   * Where a link instead of a directory leads.
   *
   * @param path The link.
   * @returns The directory's own path, or `undefined` if it leads to none.
   */
  linkedDirectory(path: string): string | undefined {
    const own = resolveLinks(path.split("/"), "", this.#linkAt, true, this.#work);
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
      checkLink(path, text, this.#linkAt, this.#work);
    }
  }

  readonly #linkAt: LinkLookup = (path) => this.#links.get(path);

  /** Where a directory really is. Of what was resolved before, only the rest is walked. */
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

  /** Makes a directory and what is missing above it. */
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
