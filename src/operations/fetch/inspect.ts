/**
 * Compares an output directory with the record of what fetches have put there: by size and time, so
 * that nothing is read again. Links are not followed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { PathRemoval } from "../../archive/unpack/placed.ts";
import { diskError } from "../../errors/disk.ts";
import { isReservedName } from "../../layout/reserved_names.ts";
import type { RecordedEntry } from "./fetched_record.ts";

/** What an inspection looks for. */
export interface InspectOptions<Entry extends RecordedEntry> {
  /** The entries that can be removed. Only directories with such entries are read. Default: all. */
  readonly isGoing?: (entry: Entry) => boolean;
  /** Directories that are not looked at, as paths. Default: none. */
  readonly except?: ReadonlySet<string>;
  /** Whether to look for foreign files in directories without recorded files too. */
  readonly everywhere?: boolean;
}

/** What a directory holds, compared with its record. */
export interface Inspection<Entry extends RecordedEntry> {
  /** What can be removed: unchanged files, and directories that are empty then, in this order. */
  readonly removals: readonly PathRemoval[];
  /** Entries that were changed since the fetch. */
  readonly changed: readonly Entry[];
  /** Entries that do not exist. */
  readonly missing: readonly Entry[];
  /** What is in no record, as paths; `/` at the end means a directory with whatever is in it. */
  readonly foreign: readonly string[];
}

/** The end of the name of an unfinished download. */
const PARTIAL = /\.part(?:\.journal)?$/;

interface Node<Entry> {
  readonly entry?: Entry;
  readonly children?: Map<string, Node<Entry>>;
  /** Whether anything in it can be removed. */
  going: boolean;
}

/**
 * Inspects a directory.
 *
 * @param directory The directory.
 * @param entries All entries of its record.
 * @param options What to look for.
 * @returns What was found.
 * @throws {RunOutputsError} Errors of the disk.
 */
export function inspect<Entry extends RecordedEntry>(
  directory: string,
  entries: readonly Entry[],
  options: InspectOptions<Entry> = {},
): Inspection<Entry> {
  const { isGoing = () => true, except, everywhere = false } = options;
  const removals: PathRemoval[] = [];
  const changed: Entry[] = [];
  const foreign: string[] = [];
  const seen = new Set<Entry>();

  /** Returns whether the directory is empty without what can be removed. */
  function visit(path: string, node: Node<Entry>): boolean {
    let whole = true;
    for (const { name, isDirectory } of namesIn(join(directory, path))) {
      const own = path === "" ? name : `${path}/${name}`;
      const child = node.children!.get(name);
      if (child === undefined) {
        const part = node.children!.get(name.replace(PARTIAL, ""));
        if (part?.going && part.entry !== undefined && !isDirectory) removals.push({ path: own });
        else whole = false;
        if (part !== undefined || isReservedName(name)) continue;
        if (isDirectory && everywhere) addFiles(directory, own, foreign);
        else foreign.push(isDirectory ? `${own}/` : own);
      } else if (!child.going || except?.has(own)) whole = false;
      else if (child.children === undefined) {
        const { entry } = child;
        seen.add(entry!);
        if (isUnchanged(directory, entry!)) removals.push({ path: own });
        else {
          whole = false;
          changed.push(entry!);
        }
      } else if (!isDirectory) {
        // A link or a file has taken its place, so nothing that was in it is there.
        whole = false;
        foreign.push(own);
      } else {
        if (child.entry !== undefined) seen.add(child.entry);
        whole = visit(own, child) && whole;
      }
    }
    if (whole && path !== "") removals.push({ path, directory: true });
    return whole;
  }

  visit("", treeOf(entries, isGoing));
  const missing = entries.filter((entry) =>
    !seen.has(entry) && isGoing(entry) && !isBelow(entry.path, except)
  );
  return { removals, changed, missing, foreign };
}

/**
 * Whether a file, link or directory is as the fetch left it.
 *
 * @param directory The output directory.
 * @param entry The entry of its record.
 * @returns `false` also if it is missing.
 * @throws {RunOutputsError} Errors of the disk.
 */
export function isUnchanged(directory: string, entry: RecordedEntry): boolean {
  const { size, mtime, link, sha256, was } = entry;
  const path = join(directory, entry.path);
  try {
    const info = Deno.lstatSync(path);
    if (link !== undefined) return info.isSymlink && Deno.readLinkSync(path) === link;
    if (entry.path.endsWith("/")) return info.isDirectory;
    if (!info.isFile) return false;
    const isAs = (facts: { readonly size?: number; readonly mtime?: number }) =>
      facts.size === info.size && facts.mtime !== undefined &&
      isSameTime(facts.mtime, info.mtime?.getTime());
    if (isAs({ size, mtime }) || was !== undefined && isAs(was)) return true;
    return sha256 !== undefined && (size ?? info.size) === info.size && hashOf(path) === sha256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw diskError("read", path, error);
  }
}

/** Whether two times are the same. Some archivers and disks drop the fraction of a second. */
function isSameTime(recorded: number, found: number | undefined): boolean {
  return found === recorded || found === Math.floor(recorded / 1000) * 1000;
}

function hashOf(path: string): string {
  using file = Deno.openSync(path);
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1024 * 1024);
  for (let read; (read = file.readSync(buffer)) !== null;) hash.update(buffer.subarray(0, read));
  return hash.digest("hex");
}

function treeOf<Entry extends RecordedEntry>(
  entries: readonly Entry[],
  isGoing: (entry: Entry) => boolean,
): Node<Entry> {
  const root: Node<Entry> = { children: new Map(), going: true };
  for (const entry of entries) {
    const names = entry.path.split("/");
    const last = names.pop()!;
    const going = isGoing(entry);
    let node = root;
    for (const [i, name] of names.entries()) {
      let next = node.children!.get(name);
      if (next?.children === undefined) {
        // An empty directory is an entry itself.
        const isEntry = last === "" && i === names.length - 1;
        next = { children: new Map(), going, ...isEntry && { entry } };
        node.children!.set(name, next);
      }
      next.going ||= going;
      node = next;
    }
    if (last !== "") node.children!.set(last, { entry, going });
  }
  return root;
}

function namesIn(path: string): Iterable<Deno.DirEntry> {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw diskError("read", path, error);
  }
}

function addFiles(directory: string, path: string, found: string[]): void {
  const before = found.length;
  for (const { name, isDirectory } of namesIn(join(directory, path))) {
    if (isReservedName(name)) continue;
    if (isDirectory) addFiles(directory, `${path}/${name}`, found);
    else found.push(`${path}/${name}`);
  }
  if (found.length === before) found.push(`${path}/`);
}

/**
 * Whether a path is one of some directories, or below one.
 *
 * @param path The path, with `/` between names.
 * @param directories The directories.
 * @returns `false`, if there are none.
 */
export function isBelow(path: string, directories: ReadonlySet<string> | undefined): boolean {
  if (directories === undefined || directories.size === 0) return false;
  for (let cut = path.length; cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
    if (directories.has(path.slice(0, cut))) return true;
  }
  return false;
}
