/**
 * The metadata of an APT repository: `Packages`, the list of packages, and `Release`, the list of
 * the indexes with their hashes. Debian's wiki describes both under "DebianRepository/Format".
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";
import { formatStanza, parseStanzas, type Stanza } from "./stanza.ts";

/** The hashes of a file, as lower-case hex digits. */
export interface FileHashesOf {
  readonly size: number;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}

/** A package of a repository. */
export interface AptEntry {
  /** Its path relative to the repository, the field `Filename`. */
  readonly fileName: string;
  /** Its SHA-256, if the entry has one. */
  readonly sha256?: string;
  /** Its paragraph in `Packages`. */
  readonly text: string;
}

/** Fields that the repository sets; those of a control file are ignored. */
const OWN_FIELDS = new Set(["filename", "size", "md5sum", "sha1", "sha256", "sha512"]);

/**
 * The entry of a package.
 *
 * @param control Its control file.
 * @param fileName Its path relative to the repository.
 * @param hashes Its size and hashes.
 * @returns The entry.
 */
export function aptEntry(
  control: Stanza,
  fileName: string,
  { size, md5, sha1, sha256 }: FileHashesOf,
): AptEntry {
  const fields = [...control].filter(([name]) => !OWN_FIELDS.has(name.toLowerCase()));
  // `Package` is first by convention, and the long text last.
  const first = fields.filter(([name]) => name.toLowerCase() === "package");
  const last = fields.filter(([name]) => name.toLowerCase() === "description");
  const text = formatStanza([
    ...first,
    ...fields.filter((field) => !first.includes(field) && !last.includes(field)),
    ["Filename", fileName],
    ["Size", `${size}`],
    ["MD5sum", md5],
    ["SHA1", sha1],
    ["SHA256", sha256],
    ...last,
  ]);
  return { fileName, sha256, text };
}

/**
 * Reads a `Packages` file.
 *
 * @param text Its text.
 * @returns Its packages.
 * @throws {BadArchive} If it is broken.
 */
export function parsePackages(text: string): AptEntry[] {
  return parseStanzas(text, "Packages").map((stanza) => {
    const fileName = stanza.get("Filename");
    if (fileName === undefined) throw new BadArchive("a package in it has no Filename");
    const plain = fileName.replace(/^\.\//, "");
    return { fileName: plain, sha256: stanza.get("SHA256"), text: formatStanza(stanza) };
  });
}

/**
 * The text of a `Packages` file.
 *
 * @param entries The packages; they are sorted by path.
 * @returns The text.
 */
export function formatPackages(entries: Iterable<AptEntry>): string {
  return [...entries].sort((a, b) => a.fileName < b.fileName ? -1 : 1)
    .map(({ text }) => text).join("\n");
}

/** A `Release` file. */
export interface AptRelease {
  /** Its fields except the lists of hashes, by name. */
  readonly fields: Stanza;
  /** The entry of each file in its SHA256 list, by relative path. */
  readonly files: ReadonlyMap<string, { readonly sha256: string; readonly size: number }>;
  /** The lines of each list, by the list's name and the file's path. */
  readonly lines: Readonly<Record<HashList, ReadonlyMap<string, string>>>;
}

/** The lists of a `Release` file. */
export type HashList = "MD5Sum" | "SHA1" | "SHA256";

const LISTS: readonly HashList[] = ["MD5Sum", "SHA1", "SHA256"];

/**
 * Reads a `Release` file.
 *
 * @param text Its text.
 * @returns The content.
 * @throws {BadArchive} If it is broken.
 */
export function parseRelease(text: string): AptRelease {
  const stanzas = parseStanzas(text, "Release");
  if (stanzas.length !== 1) throw new BadArchive(`it has ${stanzas.length} paragraphs, expected 1`);
  const [stanza] = stanzas;
  const lines = Object.fromEntries(LISTS.map((list) => {
    const found = new Map<string, string>();
    for (const line of (stanza.get(list) ?? "").split("\n")) {
      const [, path] = /^\s*[0-9a-f]+\s+\d+\s+(\S+)$/i.exec(line) ?? [];
      if (path !== undefined) found.set(path, line.trim());
    }
    return [list, found];
  })) as Record<HashList, Map<string, string>>;
  const files = new Map([...lines.SHA256].map(([path, line]) => {
    const [sha256, size] = line.split(/\s+/);
    return [path, { sha256: sha256.toLowerCase(), size: Number(size) }];
  }));
  const fields = new Map([...stanza].filter(([name]) => !LISTS.includes(name as HashList)));
  return { fields, files, lines };
}

/** What a `Release` file is made of. */
export interface ReleaseOptions {
  /** The previous file; its other content is kept. */
  readonly before?: AptRelease;
  /** The fields for a new file, by name. */
  readonly fields: Readonly<Record<string, string>>;
  /**
   * Its date. It never decreases, because `apt` ignores a file that is older than the one it has.
   */
  readonly date: Date;
  /** Whether a file that the previous one lists still exists. */
  readonly isKept: (path: string) => boolean;
  /** The indexes, by relative path. */
  readonly indexes: Readonly<Record<string, FileHashesOf>>;
}

/**
 * The text of a `Release` file.
 *
 * @param options The content.
 * @returns The text.
 */
export function formatRelease(
  { before, fields, date, isKept, indexes }: ReleaseOptions,
): string {
  const all = new Map(before?.fields ?? Object.entries(fields));
  const earlier = Date.parse(all.get("Date") ?? "");
  all.set("Date", formatDate(new Date(Math.max(date.getTime(), earlier || 0))));
  all.set("Acquire-By-Hash", "yes");
  for (const list of LISTS) {
    const key = ({ MD5Sum: "md5", SHA1: "sha1", SHA256: "sha256" } as const)[list];
    const kept = [...before?.lines[list] ?? []].filter(([path]) => isKept(path));
    const ours = Object.entries(indexes)
      .map(([path, hashes]) => [path, `${hashes[key]} ${hashes.size} ${path}`] as const);
    const sorted = [...kept, ...ours].sort(([a], [b]) => a < b ? -1 : 1);
    all.set(list, sorted.map(([, line]) => `\n ${line}`).join(""));
  }
  return formatStanza(all);
}

/** `Mon, 30 Nov 2026 07:00:00 UTC` */
function formatDate(date: Date): string {
  return date.toUTCString().replace("GMT", "UTC");
}
