/**
 * Plans how a merged tree becomes part of a target directory. All steps and all conflicts are known
 * before the target changes.
 *
 * @module
 */

import { join } from "node:path";
import { quote } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import type { Step } from "./journal.ts";
import {
  conflictAt,
  type DiskRules,
  foldedNames,
  type Kind,
  kindOf,
  makeDirs,
  readLink,
} from "./disk_view.ts";
import { checkLink, type LinkLookup, LinkWork, resolveLinks } from "./link_model.ts";
import { foldCase } from "../tar/member_path.ts";
import { mergeTree } from "./merge.ts";
import { type PathRemoval, removalSteps } from "./placed.ts";

/** A merged tree and its target, seen as if they were merged already. */
export class Union {
  readonly #merged: string;
  readonly #target: string;
  readonly #rules: DiskRules;
  /** Paths that are deleted from the target, and so count as missing. */
  readonly #removed: ReadonlyMap<string, PathRemoval>;
  /** The targets of links in the directories of entries. */
  readonly #known = new Map<string, string | undefined>();
  /** Directories with their links resolved. */
  readonly #places = new Map<string, string>();
  readonly #work = new LinkWork();

  /**
   * Creates the view.
   *
   * @param merged The merged tree.
   * @param target The target; it need not exist.
   * @param removed What is deleted from the target.
   * @param rules The rules for names on this disk.
   */
  constructor(merged: string, target: string, removed: readonly PathRemoval[], rules: DiskRules) {
    this.#merged = merged;
    this.#target = target;
    this.#removed = new Map(removed.map((removal) => [removal.path, removal]));
    this.#rules = rules;
  }

  /**
   * The target of a link: from the merged tree or, if it has nothing at this path, from the target.
   */
  readonly linkAt: LinkLookup = (path) => {
    const merged = this.#mergedKind(path);
    if (merged === "symlink") return readLink(join(this.#merged, path), this.#rules.style);
    if (merged === "file") return undefined;
    return this.#targetKind(path) === "symlink"
      ? readLink(join(this.#target, path), this.#rules.style)
      : undefined;
  };

  /**
   * Where a directory of the merged tree is a link in the target, moves its content to where that
   * link leads, so that afterwards the same paths mean the same in both.
   *
   * @throws {RunOutputsError} `conflict`, if such a link leads out of the target, or not to a
   * directory.
   */
  followTargetLinks(): void {
    // Each round moves one tree to a path without links; more rounds than links means a circle.
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const path = this.#findLinked("");
      if (path === undefined) return;
      this.#follow(path);
    }
    throw conflictAt(this.#target, "its links are circular");
  }

  /**
   * Plans the steps that put the merged tree into the target.
   *
   * @param savedDir Where replaced content is saved.
   * @returns The steps.
   * @throws {RunOutputsError} `conflict`, if a file and a directory have the same name.
   */
  plan(savedDir: string): Step[] {
    const steps: Step[] = [];
    const save = () => join(savedDir, String(steps.length));
    const removals = [...this.#removed.values()];
    steps.push(...removalSteps(
      removals.filter(({ path }) => kindOf(join(this.#target, path)) !== undefined),
      this.#target,
      savedDir,
    ));
    const walk = (above: string) => {
      const names = foldedNames(join(this.#target, above), this.#rules);
      for (const { name } of Deno.readDirSync(join(this.#merged, above))) {
        const path = above === "" ? name : `${above}/${name}`;
        const [from, to] = [join(this.#merged, path), join(this.#target, path)];
        const kind = kindOf(from)!;
        const existing = this.#targetKind(path);
        const other = names.get(foldCase(name)) ?? name;
        if (other !== name && this.#targetKind(join(above, other)) !== undefined) {
          throw conflictAt(to, `differs only in case from ${quote(other)}, which already exists`);
        }
        if (existing === undefined) steps.push({ from, to });
        else if (kind === "directory" && existing === "directory") walk(path);
        else if (kind === "directory") {
          throw conflictAt(to, "a file exists where a directory is needed; move it away");
        } else if (existing === "directory") {
          throw conflictAt(to, `a directory exists where a ${kind} is needed; move it away`);
        } else steps.push({ from, to, saved: save() });
      }
    };
    walk("");
    return steps;
  }

  /**
   * Checks that links stay in the target, given its content.
   *
   * @param links The paths of the archive's links.
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
      let parent: string | undefined;
      try {
        parent = resolveLinks(names.slice(0, -1), "", linkAt, true, this.#work);
      } catch (error) {
        throw error instanceof BadArchive ? new BadArchive(error.message, link) : error;
      }
      if (parent === undefined) continue;
      const place = join(parent, names[names.length - 1]);
      const text = linkAt(place);
      if (text !== undefined) checkLink(place, text, linkAt, this.#work);
    }
  }

  /**
   * The final path of an archive's entry: with all links in its directories resolved.
   *
   * @param path The path.
   * @returns The path below the target.
   */
  placeOf(path: string): string {
    const cut = path.lastIndexOf("/", path.length - 2);
    if (cut < 0) return path;
    const above = path.slice(0, cut);
    let place = this.#places.get(above);
    if (place === undefined) {
      this.#places.set(above, place = this.#directoryOf(above));
    }
    return `${place}${place === "" ? "" : "/"}${path.slice(cut + 1)}`;
  }

  #directoryOf(path: string): string {
    const linkAt: LinkLookup = (other) => {
      if (!this.#known.has(other)) this.#known.set(other, this.linkAt(other));
      return this.#known.get(other);
    };
    // All links have been checked by now.
    return resolveLinks(path.split("/"), "", linkAt, true, new LinkWork()) ?? path;
  }

  /** The first directory of the merged tree that is a link in the target. */
  #findLinked(above: string): string | undefined {
    for (const { name, isDirectory } of Deno.readDirSync(join(this.#merged, above))) {
      if (!isDirectory) continue;
      const path = above === "" ? name : `${above}/${name}`;
      const existing = this.#targetKind(path);
      if (existing === "symlink") return path;
      const below = existing === "directory" ? this.#findLinked(path) : undefined;
      if (below !== undefined) return below;
    }
    return undefined;
  }

  #follow(path: string): void {
    const full = join(this.#target, path);
    let place: string | undefined;
    try {
      place = resolveLinks(path.split("/"), "", this.linkAt, true, this.#work);
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      throw conflictAt(
        full,
        "a directory is needed, but a link that points outside the target exists",
      );
    }
    if (place === undefined) throw conflictAt(full, "a circular link exists there");
    const kind = this.#mergedKind(place) ?? this.#targetKind(place);
    if (kind !== undefined && kind !== "directory") {
      throw conflictAt(full, "a directory is needed, but a link to a file exists");
    }
    const aside = `${this.#merged}-followed`;
    Deno.renameSync(join(this.#merged, path), aside);
    makeDirs(this.#merged, place);
    mergeTree(aside, this.#merged, "the archives", this.#rules, place);
    Deno.removeSync(aside, { recursive: true });
  }

  #mergedKind(path: string): Kind | undefined {
    return kindOf(join(this.#merged, path));
  }

  #targetKind(path: string): Kind | undefined {
    if (this.#removed.size > 0) {
      for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
        if (this.#removed.has(at)) return undefined;
      }
    }
    return kindOf(join(this.#target, path));
  }
}
