/**
 * Parses checksum files, in the formats that common tools use for SHA-256. Pure.
 *
 * @module
 */

/** A checksum in a text. */
export interface ChecksumEntry {
  /** 64 hex digits in lower case. */
  readonly sha256: string;
  /** The name of its file, without directories; `undefined`, if the text has none. */
  readonly name?: string;
}

const HEX = "([0-9a-fA-F]{64})";

/** A bare digest, or the columns of `sha256sum`: text, binary (`*`), escaped (a leading `\`). */
const COLUMNS = new RegExp(`^(\\\\?)${HEX}(?:[ \\t]+\\*?(.+))?$`);

/** `sha256:…`, as in registries and on GitHub. */
const PREFIXED = new RegExp(`^sha-?256[:=-] ?${HEX}(?:[ \\t]+\\*?(.+))?$`, "i");

/** `sha256sum --tag`, BSD's `sha256`, and `openssl dgst`, which calls it SHA2-256. */
const TAGGED = new RegExp(`^(\\\\?)SHA-?(?:2-)?256 ?\\((.+)\\) ?= ?${HEX}$`, "i");

/** A row of the table of PowerShell's `Get-FileHash`. */
const ROW = new RegExp(`^SHA256[ \\t]+${HEX}(?:[ \\t]+(.+))?$`, "i");

/** A line of its list format: `Hash      : …`. */
const MEMBER = /^(Algorithm|Hash|Path)[ \t]*:[ \t]*(.*)$/i;

/**
 * Decodes the bytes of a checksum file. PowerShell writes UTF-16 with a byte order mark.
 *
 * @param bytes The bytes.
 * @returns The text, without a byte order mark.
 */
export function decodeChecksumText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/**
 * Finds the checksums in a text. Other lines, such as headings, are ignored.
 *
 * @param text The text.
 * @returns The checksums, in order.
 */
export function checksumEntries(text: string): ChecksumEntry[] {
  const entries: ChecksumEntry[] = [];
  const list: { algorithm?: string; hash?: string; path?: string } = {};
  const endList = () => {
    const { algorithm = "SHA256", hash = "", path } = list;
    if (/^sha-?256$/i.test(algorithm) && /^[0-9a-f]{64}$/i.test(hash)) {
      entries.push(entry(hash, path));
    }
    delete list.algorithm, delete list.hash, delete list.path;
  };
  for (const line of text.replace(/^\uFEFF/, "").split(/[\r\n]+/)) {
    // Long lines of the list continue in the next line, after blanks.
    if (list.path !== undefined && /^[ \t]+\S/.test(line)) {
      list.path += line.trimStart();
      continue;
    }
    const plain = line.trim();
    const member = MEMBER.exec(plain);
    if (member !== null) {
      const name = member[1].toLowerCase() as "algorithm" | "hash" | "path";
      if (list[name] !== undefined) endList();
      list[name] = member[2];
      continue;
    }
    const columns = COLUMNS.exec(plain);
    const tagged = TAGGED.exec(plain);
    const prefixed = PREFIXED.exec(plain);
    const row = ROW.exec(plain);
    if (columns !== null) entries.push(entry(columns[2], columns[3], columns[1] !== ""));
    else if (tagged !== null) entries.push(entry(tagged[3], tagged[2], tagged[1] !== ""));
    else if (prefixed !== null) entries.push(entry(prefixed[1], prefixed[2]));
    // The table truncates wide values, so the name is unknown.
    else if (row !== null) entries.push(entry(row[1], row[2]?.replace(/^.*(?:\.\.\.|…)$/, "")));
  }
  endList();
  return entries;
}

function entry(digest: string, path: string | undefined, escaped = false): ChecksumEntry {
  const sha256 = digest.toLowerCase();
  // A lone "-" is standard input.
  if (path === undefined || path === "" || path === "-") return { sha256 };
  const whole = escaped
    ? path.replace(/\\([\\nr])/g, (_, c) => c === "n" ? "\n" : c === "r" ? "\r" : "\\")
    : path;
  // Windows paths have a drive or a share; elsewhere a backslash is part of a name.
  const isWindows = /^(?:[A-Za-z]:|\\\\|\.{1,2}\\)/.test(whole);
  return { sha256, name: whole.slice(whole.search(isWindows ? /[^\\/]*$/ : /[^/]*$/)) };
}

/**
 * Whether a text begins with its digest, as every reader of `.sha256sum` files expects.
 *
 * @param text The text.
 * @param sha256 The digest.
 * @returns `true` for a bare digest or the columns of `sha256sum`.
 */
export function beginsWithDigest(text: string, sha256: string): boolean {
  return /^([0-9a-f]{64})(?:\s|$)/i.exec(text)?.[1].toLowerCase() === sha256;
}
