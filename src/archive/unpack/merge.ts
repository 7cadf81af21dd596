/**
 * Merges several unpacked trees into one, before the target changes.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { type DiskRules, foldedNames, type Kind, kindOf, makeDirs, readLink } from "./disk_view.ts";
import { type LinkLookup, LinkWork, resolveLinks } from "./link_model.ts";
import { foldCase } from "../tar/member_path.ts";

/**
 * Moves everything in one tree into another. Files and links replace those of the same name;
 * directories are merged, also through a link that stays in the tree.
 *
 * @param source The tree that is moved; only directories remain in it.
 * @param target The tree that it is moved into.
 * @param archive The archive of the tree, for messages.
 * @param rules The rules for names on this disk.
 * @param below The path in the target.
 * @throws {RunOutputsError} `conflict`, if a file and a directory have the same name.
 */
export function mergeTree(
  source: string,
  target: string,
  archive: string,
  rules: DiskRules,
  below = "",
): void {
  const linkAt: LinkLookup = (path) => readLink(join(target, path), rules.style);
  const work = new LinkWork();

  function merge(from: string, into: string): void {
    const names = foldedNames(join(target, into), rules);
    for (const { name } of Deno.readDirSync(from)) {
      const [path, place] = [join(from, name), into === "" ? name : `${into}/${name}`];
      const other = names.get(foldCase(name));
      if (other !== undefined && other !== name) {
        throw conflict(
          archive,
          place,
          `differs only in case from ${quote(other)} of another archive`,
        );
      }
      const [kind, existing] = [kindOf(path)!, kindOf(join(target, place))];
      if (existing === undefined || kind !== "directory" && existing !== "directory") {
        Deno.renameSync(path, join(target, place));
      } else if (kind === "directory") merge(path, directoryAt(place, existing));
      else throw conflict(archive, place, `is a ${kind} here and a directory in another archive`);
    }
  }

  /** The resolved path of a directory; a missing target of a link is created. */
  function directoryAt(place: string, kind: Kind): string {
    if (kind === "directory") return place;
    if (kind === "file") {
      throw conflict(archive, place, "is a directory here and a file in another archive");
    }
    let path: string | undefined;
    try {
      path = resolveLinks(place.split("/"), "", linkAt, true, work);
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
    }
    if (path === undefined) {
      throw conflict(archive, place, "is a directory here and a link in another archive");
    }
    const found = kindOf(join(target, path));
    if (found === undefined) makeDirs(target, path);
    else if (found !== "directory") {
      throw conflict(archive, place, "is a directory here and a link to a file in another archive");
    }
    return path;
  }

  try {
    merge(source, below);
  } catch (error) {
    throw diskError("write", target, error);
  }
}

function conflict(archive: string, path: string, reason: string): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot unpack '${archive}': ${quote(path)} ${reason}`);
}
