/**
 * The metadata of a DNF repository as XML: `primary`, `filelists` and `other`, each with an element
 * per package, and `repomd.xml`, the list of the three with their hashes. The elements match those
 * of `createrepo_c`.
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";
import type { RpmDependency, RpmPackage } from "./rpm.ts";
import { RPM_DEPENDENCIES } from "./rpm.ts";
import { childTexts, rootAttributes, topElements } from "./xml_elements.ts";

/** The three lists of packages. */
export const DNF_LISTS = ["primary", "filelists", "other"] as const;

/** One of the lists. */
export type DnfList = typeof DNF_LISTS[number];

/** A package of a repository: its element in each list. */
export interface DnfEntry extends Readonly<Record<DnfList, string>> {
  /** Its path relative to the repository. */
  readonly href: string;
  /** Its checksum, which identifies it in the lists. */
  readonly pkgid: string;
}

const NAMESPACES: Readonly<Record<DnfList, string>> = {
  primary:
    'metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"',
  filelists: 'filelists xmlns="http://linux.duke.edu/metadata/filelists"',
  other: 'otherdata xmlns="http://linux.duke.edu/metadata/other"',
};

/** The maximum number of changes per package in `other`, as in `createrepo_c`. */
const MAX_CHANGES = 10;

/**
 * The entry of a package.
 *
 * @param rpm The package's metadata.
 * @param href Its path relative to the repository.
 * @param file Its size in bytes, and its SHA-256.
 * @returns The entry.
 */
export function dnfEntry(
  rpm: RpmPackage,
  href: string,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
): DnfEntry {
  const { epoch, version, release } = rpm;
  const evr = `<version${attributes({ epoch, ver: version, rel: release })}/>`;
  const head = `<package${
    attributes({ pkgid: sha256, name: rpm.name, arch: rpm.arch })
  }>\n  ${evr}`;
  const files = rpm.files.map((file) => `\n  ${fileElement(file)}`);
  // The oldest first.
  const changes = rpm.changes.slice(0, MAX_CHANGES).reverse().map(({ author, date, text }) =>
    `\n  <changelog${attributes({ author, date })}>${escape(text)}</changelog>`
  );
  return {
    href,
    pkgid: sha256,
    primary: primaryElement(rpm, { href, size, sha256, evr }),
    filelists: `${head}${files.join("")}\n</package>`,
    other: `${head}${changes.join("")}\n</package>`,
  };
}

function primaryElement(
  rpm: RpmPackage,
  { href, size, sha256, evr }: {
    readonly href: string;
    readonly size: number;
    readonly sha256: string;
    readonly evr: string;
  },
): string {
  const { buildTime, installedSize, archiveSize, headerRange } = rpm;
  const format = [
    element("rpm:license", rpm.license),
    element("rpm:vendor", rpm.vendor),
    element("rpm:group", rpm.group),
    element("rpm:buildhost", rpm.buildHost),
    element("rpm:sourcerpm", rpm.sourceRpm),
    `<rpm:header-range${attributes(headerRange)}/>`,
    ...RPM_DEPENDENCIES.flatMap((kind) => {
      const entries = chosenDependencies(rpm, kind);
      if (entries.length === 0) return [];
      const lines = entries.map((entry) => `  ${entryElement(entry, kind === "requires")}`);
      return [`<rpm:${kind}>`, ...lines, `</rpm:${kind}>`];
    }),
    ...rpm.files.filter(({ path }) => isPrimary(path)).map(fileElement),
  ];
  return [
    '<package type="rpm">',
    ...[
      element("name", rpm.name),
      element("arch", rpm.arch),
      evr,
      `<checksum type="sha256" pkgid="YES">${sha256}</checksum>`,
      element("summary", rpm.summary),
      element("description", rpm.description),
      element("packager", rpm.packager),
      element("url", rpm.url),
      // The file's own time differs between machines; the same package must have the same entry.
      `<time${attributes({ file: buildTime, build: buildTime })}/>`,
      `<size${attributes({ package: size, installed: installedSize, archive: archiveSize })}/>`,
      `<location${attributes({ href })}/>`,
      "<format>",
      ...format.map((line) => `  ${line}`),
      "</format>",
    ].map((line) => `  ${line}`),
    "</package>",
  ].join("\n");
}

/** Files that DNF looks up by path must be found without `filelists`. */
function isPrimary(path: string): boolean {
  return path.startsWith("/etc/") || path === "/usr/lib/sendmail" || path.includes("bin/");
}

/** Each once, without requirements that the package itself or rpm provides. */
function chosenDependencies(
  { dependencies, files }: RpmPackage,
  kind: typeof RPM_DEPENDENCIES[number],
): RpmDependency[] {
  const chosen = new Map<string, RpmDependency>();
  const own = new Set(files.map(({ path }) => path).filter(isPrimary));
  const provided = new Set(dependencies.provides.map(identity));
  for (const entry of dependencies[kind]) {
    if (kind === "requires") {
      if (entry.name.startsWith("rpmlib(") || own.has(entry.name)) continue;
      if (provided.has(identity(entry))) continue;
    }
    chosen.set(`${identity(entry)}\0${kind === "requires" && entry.pre}`, entry);
  }
  return [...chosen.values()];
}

function identity({ name, flags, version }: RpmDependency): string {
  return [name, flags, version].join("\0");
}

function entryElement({ name, flags, version, pre }: RpmDependency, isRequired: boolean): string {
  const [, epoch = "0", ver, rel] = /^(?:(\d+):)?([^-]*)(?:-(.*))?$/.exec(version) ?? [];
  return `<rpm:entry${
    attributes({
      name,
      flags,
      ...(flags === undefined || ver === undefined ? {} : { epoch, ver, rel }),
      pre: isRequired && pre ? 1 : undefined,
    })
  }/>`;
}

function fileElement({ path, type }: RpmPackage["files"][number]): string {
  return `<file${attributes({ type: type === "file" ? undefined : type })}>${escape(path)}</file>`;
}

function element(name: string, text: string): string {
  return text === "" ? `<${name}/>` : `<${name}>${escape(text)}</${name}>`;
}

function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escape(`${value}`)}"`)
    .join("");
}

/** XML does not allow most control characters, not even escaped. */
// deno-lint-ignore no-control-regex -- these are meant
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

function escape(text: string): string {
  return text.replace(FORBIDDEN, "\ufffd").replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("\r", "&#13;");
}

/**
 * The text of a list.
 *
 * @param list The list.
 * @param entries The packages, in any order.
 * @returns The XML.
 */
export function formatList(list: DnfList, entries: readonly DnfEntry[]): string {
  const root = NAMESPACES[list];
  const sorted = entries.toSorted((a, b) => a.href < b.href ? -1 : 1);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<${root} packages="${entries.length}">`,
    ...sorted.map((entry) => entry[list]),
    `</${root.split(" ")[0]}>`,
    "",
  ].join("\n");
}

/**
 * Reads the three lists of a repository.
 *
 * @param texts Their XML.
 * @returns The packages.
 * @throws {BadArchive} If one is broken, or a package is missing from one.
 */
export function parseLists(texts: Readonly<Record<DnfList, string>>): DnfEntry[] {
  for (const list of DNF_LISTS) checkRoot(list, texts[list]);
  const [filelists, other] = (["filelists", "other"] as const).map((list) =>
    new Map(topElements(texts[list], list).map(({ attributes, raw }) => [attributes.pkgid, raw]))
  );
  return topElements(texts.primary, "primary").map(({ raw }) => {
    const { checksum, location } = childTexts(raw);
    const pkgid = checksum?.text.trim() ?? "";
    const href = location?.attributes.href;
    const [files, changes] = [filelists.get(pkgid), other.get(pkgid)];
    if (href === undefined || files === undefined || changes === undefined) {
      throw new BadArchive(`the package ${href ?? pkgid} is not in all of its lists`);
    }
    return { href, pkgid, primary: raw, filelists: files, other: changes };
  });
}

/** Elements are copied unchanged, so their meaning must be the same in our document. */
function checkRoot(list: DnfList, text: string): void {
  const { name, attributes } = rootAttributes(text, list);
  const [expected, ...spaces] = NAMESPACES[list].split(" ");
  const isSame = name === expected && spaces.every((space) => {
    const [, key, value] = /^([^=]+)="(.*)"$/.exec(space)!;
    return attributes[key] === value || (key === "xmlns:rpm" && attributes[key] === undefined);
  });
  if (!isSame) throw new BadArchive(`it is no ${list} metadata of a DNF repository`);
}

/** The entry of a file in `repomd.xml`. */
export interface RepomdData {
  /** Its type, such as `primary` or `updateinfo`. */
  readonly type: string;
  /** Its path relative to the repository. */
  readonly href: string;
  /** Its checksum. */
  readonly checksum: string;
  /** The type of the checksum, such as `sha256`. */
  readonly checksumType: string;
  /** The unchanged element. */
  readonly raw: string;
}

/**
 * Reads a `repomd.xml`.
 *
 * @param text The XML.
 * @returns The entry of each file.
 * @throws {BadArchive} If it is broken.
 */
export function parseRepomd(text: string): RepomdData[] {
  const { name } = rootAttributes(text, "repomd.xml");
  if (name !== "repomd") throw new BadArchive("it is no repomd.xml");
  return topElements(text, "repomd.xml").filter((found) => found.name === "data").map(
    ({ raw, attributes }) => {
      const { checksum, location } = childTexts(raw);
      const href = location?.attributes.href;
      if (attributes.type === undefined || href === undefined || checksum === undefined) {
        throw new BadArchive("a <data> element has no type, location or checksum");
      }
      return {
        type: attributes.type,
        href,
        checksum: checksum.text.trim(),
        checksumType: checksum.attributes.type ?? "",
        raw,
      };
    },
  );
}

/** A compressed list in a repository. */
export interface PackedList {
  /** Its path relative to the repository. */
  readonly href: string;
  /** Its SHA-256 and size, compressed. */
  readonly sha256: string;
  readonly size: number;
  /** Its SHA-256 and size, decompressed. */
  readonly openSha256: string;
  readonly openSize: number;
}

/**
 * The text of a `repomd.xml`.
 *
 * @param lists The three lists.
 * @param others The elements of other files.
 * @param seconds Its time, in seconds since 1970.
 * @returns The XML.
 */
export function formatRepomd(
  lists: Readonly<Record<DnfList, PackedList>>,
  others: readonly string[],
  seconds: number,
): string {
  const data = DNF_LISTS.map((type) => {
    const { href, sha256, size, openSha256, openSize } = lists[type];
    return `<data type="${type}">
  <checksum type="sha256">${sha256}</checksum>
  <open-checksum type="sha256">${openSha256}</open-checksum>
  <location${attributes({ href })}/>
  <timestamp>${seconds}</timestamp>
  <size>${size}</size>
  <open-size>${openSize}</open-size>
</data>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
<revision>${seconds}</revision>
${[...data, ...others].join("\n")}
</repomd>
`;
}
