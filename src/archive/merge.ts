/**
 * Several unpacked trees become one, and that one becomes part of a target directory.
 *
 * Everything that can be wrong is found here, before the target changes.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { diskError } from "../layout/disk_error.ts";
import { quote, RunOutputsError } from "../layout/error.ts";
import { BadArchive } from "./bad_archive.ts";
import type { Step } from "./commit.ts";
import { checkLink, type LinkLookup, resolveLinks } from "./link_model.ts";
import { diskName, foldCase, type PathStyle } from "./member_path.ts";

/**
 * A path of a directory with all links on the way to it followed, and none at its end.
 *
 * @param root The directory that it must not lead out of.
 * @param path The path below it, as its names are on disk.
 * @param style Whose rules names follow.
 * @returns The path.
 * @throws {RunOutputsError} `conflict`, if a link on the way leads out or in circles.
 */
export function ownPlace(root: string, path: string, style: PathStyle): string {
  const names = path.split("/");
  const linkAt: LinkLookup = (other) => readLink(join(root, other), style);
  let parent: string[] | undefined;
  try {
    parent = resolveLinks(names.slice(0, -1), [], linkAt, true);
  } catch (error) {
    if (!(error instanceof BadArchive)) throw error;
  }
  if (parent === undefined) {
    throw conflictAt(join(root, path), "a link on the way leads out of the target, or in circles");
  }
  return [...parent, names[names.length - 1]].join("/");
}

/** What is at a path. */
type Kind = "directory" | "symlink" | "file";

/** How names are on this disk. */
export interface DiskRules {
  /** Whose rules names follow. */
  readonly style: PathStyle;
  /** Whether the disk takes names that differ only in case for one. */
  readonly caseless: boolean;
}

/**
 * Moves all that is in one tree into another. Files and links replace those of the same name;
 * directories become one, also through a link that stays in the tree.
 *
 * @param source The tree that is moved; what remains of it are directories.
 * @param target The tree that it is moved into.
 * @param archive Whose tree it is, for messages.
 * @param rules How names are on this disk.
 * @throws {RunOutputsError} `conflict`, if a file and a directory have the same name.
 */
export function mergeTree(source: string, target: string, archive: string, rules: DiskRules): void {
  const linkAt: LinkLookup = (path) => readLink(join(target, path), rules.style);

  function merge(from: string, into: string): void {
    const names = rules.caseless ? foldedNames(join(target, into)) : undefined;
    for (const { name } of Deno.readDirSync(from)) {
      const [path, place] = [join(from, name), into === "" ? name : `${into}/${name}`];
      const other = names?.get(foldCase(name));
      if (other !== undefined && other !== name) {
        throw conflict(
          archive,
          place,
          `differs only in case from ${quote(other)} of another archive`,
        );
      }
      const [kind, there] = [kindOf(path)!, kindOf(join(target, place))];
      if (there === undefined || kind !== "directory" && there !== "directory") {
        Deno.renameSync(path, join(target, place));
      } else if (kind === "directory") merge(path, directoryAt(place, there));
      else throw conflict(archive, place, `is a ${kind}, and a directory in another archive`);
    }
  }

  /** The directory's own path; one that a link leads to and that is not there is made. */
  function directoryAt(place: string, kind: Kind): string {
    if (kind === "directory") return place;
    if (kind === "file") {
      throw conflict(archive, place, "is a directory, and a file in another archive");
    }
    let own: string[] | undefined;
    try {
      own = resolveLinks(place.split("/"), [], linkAt, true);
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
    }
    if (own === undefined) {
      throw conflict(archive, place, "is a directory, and a link in another archive");
    }
    const path = own.join("/");
    const found = kindOf(join(target, path));
    if (found === undefined) Deno.mkdirSync(join(target, path), { recursive: true });
    else if (found !== "directory") {
      throw conflict(archive, place, "is a directory, and a link to a file in another archive");
    }
    return path;
  }

  try {
    merge(source, "");
  } catch (error) {
    throw diskError("write", target, error);
  }
}

/** A merged tree and the target that it is to be a part of, seen as if it already were. */
export class Union {
  readonly #merged: string;
  readonly #target: string;
  readonly #rules: DiskRules;
  /** Paths of the target that are taken away, and so are not there. */
  readonly #removed: ReadonlySet<string>;

  /**
   * Creates the view.
   *
   * @param merged The merged tree.
   * @param target The target; it need not exist.
   * @param removed Paths of the target that are taken away.
   * @param rules How names are on this disk.
   */
  constructor(merged: string, target: string, removed: ReadonlySet<string>, rules: DiskRules) {
    this.#merged = merged;
    this.#target = target;
    this.#removed = removed;
    this.#rules = rules;
  }

  /** The text of a link: the merged tree's, or the target's where the merged tree has nothing. */
  readonly linkAt: LinkLookup = (path) => {
    const merged = this.#mergedKind(path);
    if (merged === "symlink") return readLink(join(this.#merged, path), this.#rules.style);
    if (merged === "file") return undefined;
    return this.#targetKind(path) === "symlink"
      ? readLink(join(this.#target, path), this.#rules.style)
      : undefined;
  };

  /**
   * Moves what the merged tree has below a directory that is a link in the target to where that
   * link leads, so that afterwards the same paths mean the same places in both.
   *
   * @throws {RunOutputsError} `conflict`, if such a link leads out of the target, or to no
   * directory.
   */
  followTargetLinks(): void {
    // Each round moves one tree to where no link is on the way; more rounds than links is a circle.
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const path = this.#findLinked("");
      if (path === undefined) return;
      this.#follow(path);
    }
    throw conflict("the archives", this.#target, "has links that lead in circles");
  }

  /**
   * What has to be done to put the merged tree into the target.
   *
   * @param savedDir Where to what is replaced goes.
   * @returns The steps.
   * @throws {RunOutputsError} `conflict`, if a file and a directory have the same name.
   */
  plan(savedDir: string): Step[] {
    const steps: Step[] = [];
    const save = () => join(savedDir, String(steps.length));
    for (const path of this.#removed) {
      if (kindOf(join(this.#target, path)) === undefined) continue;
      steps.push({ to: join(this.#target, path), saved: save() });
    }
    const walk = (above: string) => {
      const names = this.#rules.caseless ? foldedNames(join(this.#target, above)) : undefined;
      for (const { name } of Deno.readDirSync(join(this.#merged, above))) {
        const path = above === "" ? name : `${above}/${name}`;
        const [from, to] = [join(this.#merged, path), join(this.#target, path)];
        const kind = kindOf(from)!;
        const there = this.#targetKind(path);
        const other = names?.get(foldCase(name));
        if (there !== undefined && other !== undefined && other !== name) {
          throw conflictAt(to, `differs only in case from ${quote(other)}, which is there`);
        }
        if (there === undefined) steps.push({ from, to });
        else if (kind === "directory" && there === "directory") walk(path);
        else if (kind === "directory") {
          throw conflictAt(to, "a file is where a directory is needed");
        } else if (there === "directory") {
          throw conflictAt(to, `a directory is where a ${kind} is needed`);
        } else steps.push({ from, to, saved: save() });
      }
    };
    walk("");
    return steps;
  }

  /**
   * Checks that links stay in the target, now that it is known what they will meet there.
   *
   * @param links The places of the archive's links.
   * @throws {BadArchive} If one leads out.
   */
  checkLinks(links: Iterable<string>): void {
    const known = new Map<string, string | undefined>();
    const linkAt: LinkLookup = (path) => {
      if (!known.has(path)) known.set(path, this.linkAt(path));
      return known.get(path);
    };
    for (const link of links) {
      const names = link.split("/");
      let parent: string[] | undefined;
      try {
        parent = resolveLinks(names.slice(0, -1), [], linkAt, true);
      } catch (error) {
        throw error instanceof BadArchive ? new BadArchive(error.message, link) : error;
      }
      if (parent === undefined) continue;
      const place = [...parent, names[names.length - 1]];
      const text = linkAt(place.join("/"));
      if (text !== undefined) checkLink(place, text, linkAt);
    }
  }

  /** The first directory of the merged tree that is a link in the target. */
  #findLinked(above: string): string | undefined {
    for (const { name, isDirectory } of Deno.readDirSync(join(this.#merged, above))) {
      if (!isDirectory) continue;
      const path = above === "" ? name : `${above}/${name}`;
      const there = this.#targetKind(path);
      if (there === "symlink") return path;
      const below = there === "directory" ? this.#findLinked(path) : undefined;
      if (below !== undefined) return below;
    }
    return undefined;
  }

  #follow(path: string): void {
    const full = join(this.#target, path);
    let own: string[] | undefined;
    try {
      own = resolveLinks(path.split("/"), [], this.linkAt, true);
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      throw conflictAt(
        full,
        "a directory is needed, and there is a link that leads out of the target",
      );
    }
    if (own === undefined) throw conflictAt(full, "there is a link that leads in circles");
    const place = own.join("/");
    const kind = this.#mergedKind(place) ?? this.#targetKind(place);
    if (kind !== undefined && kind !== "directory") {
      throw conflictAt(full, "a directory is needed, and there is a link to a file");
    }
    const aside = `${this.#merged}-followed`;
    Deno.renameSync(join(this.#merged, path), aside);
    const into = join(this.#merged, place);
    if (this.#mergedKind(place) === undefined) {
      Deno.mkdirSync(dirname(into), { recursive: true });
      Deno.renameSync(aside, into);
    } else {
      mergeTree(aside, into, "the archives", this.#rules);
      Deno.removeSync(aside, { recursive: true });
    }
  }

  #mergedKind(path: string): Kind | undefined {
    return kindOf(join(this.#merged, path));
  }

  #targetKind(path: string): Kind | undefined {
    for (const removed of this.#removed) {
      if (path === removed || path.startsWith(`${removed}/`)) return undefined;
    }
    return kindOf(join(this.#target, path));
  }
}

/**
 * The name on disk of a path in an archive.
 *
 * @param path The path, with `/`.
 * @param style Whose rules.
 * @returns The path on disk, still with `/`.
 */
export function diskPath(path: string, style: PathStyle): string {
  return path.split("/").map((name) => diskName(name, style)).join("/");
}

function kindOf(path: string): Kind | undefined {
  try {
    const stat = Deno.lstatSync(path);
    return stat.isDirectory ? "directory" : stat.isSymlink ? "symlink" : "file";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // A file is above it, so it is not there; that the file is in the way is found at the file.
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw diskError("read", path, error);
  }
}

function readLink(path: string, style: PathStyle): string | undefined {
  try {
    const text = Deno.readLinkSync(path);
    return style === "windows" ? text.replaceAll("\\", "/") : text;
  } catch {
    return undefined;
  }
}

function foldedNames(directory: string): Map<string, string> {
  const names = new Map<string, string>();
  if (kindOf(directory) !== "directory") return names;
  for (const { name } of Deno.readDirSync(directory)) names.set(foldCase(name), name);
  return names;
}

function conflict(archive: string, path: string, reason: string): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot unpack '${archive}': ${quote(path)} ${reason}`);
}

function conflictAt(path: string, reason: string): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot unpack to ${quote(path)}: ${reason}`);
}
