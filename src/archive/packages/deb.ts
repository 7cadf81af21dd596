/**
 * Reads the control file of a `.deb`: an `ar` archive with `debian-binary`, `control.tar` and
 * `data.tar`, described in `deb(5)`. The data is not read.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import type { ArchiveFormat } from "../compression/decompress.ts";
import { decompressInMemory, joined } from "../compression/in_memory.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { TarReader } from "../tar/reader.ts";
import { type PackageBytes, readPart } from "./package_bytes.ts";
import { parseStanzas, type Stanza } from "./stanza.ts";

/** The maximum size of the control part, which has scripts and checksums of files. */
const MAX_CONTROL_TAR = 64 * 1024 * 1024;

/** The maximum size of the control file. */
const MAX_CONTROL = 4 * 1024 * 1024;

const MAGIC = "!<arch>\n";
const HEADER = 60;

/** A member of an `ar` archive. */
interface ArMember {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/**
 * Reads the control file of a Debian package.
 *
 * @param source The package.
 * @param signal Aborts reading.
 * @returns Its fields, including `Package`, `Version` and `Architecture`.
 * @throws {BadArchive} If it is not a Debian package, or broken or incomplete.
 */
export async function readDeb(source: PackageBytes, signal?: AbortSignal): Promise<Stanza> {
  const { control, format } = await findControl(source, signal);
  const packed = await readPart(source, control.start, control.size, control.name, signal);
  const tar = await decompressInMemory(packed, format, MAX_CONTROL_TAR);
  const stanzas = parseStanzas(controlFile(tar), "its control file");
  if (stanzas.length !== 1) {
    throw new BadArchive(`its control file has ${stanzas.length} paragraphs, expected 1`);
  }
  const [stanza] = stanzas;
  checkField(stanza, "Package", /^[a-z0-9][a-z0-9+.-]+$/i);
  checkField(stanza, "Version", /^[0-9a-z.+~:-]+$/i);
  checkField(stanza, "Architecture", /^[a-z0-9-]+$/);
  return stanza;
}

/** Finds the control part; the content of other members is not read. */
async function findControl(source: PackageBytes, signal?: AbortSignal) {
  const start = decodeAscii(
    await readPart(source, 0, Math.min(MAGIC.length, source.size), "its first line", signal),
  );
  if (start !== MAGIC) {
    throw new BadArchive("it is no Debian package: it does not begin with !<arch>");
  }
  let control: ArMember | undefined;
  let format: ArchiveFormat | undefined;
  let hasData = false;
  let count = 0;
  for (let at = MAGIC.length; at < source.size; count++) {
    const member = parseHeader(await readPart(source, at, HEADER, "a member's header", signal), at);
    const { name, size } = member;
    // The last member may have no padding.
    if (member.start + size > source.size) {
      throw new BadArchive(`it is incomplete: it ends in the middle of ${name}`);
    }
    at = member.start + size + size % 2;
    if (count > 16) throw new BadArchive("it has more than 16 members");
    if (count === 0) {
      if (name !== "debian-binary") {
        throw new BadArchive(`it is no Debian package: its first member is ${quote(name)}`);
      }
      const version = decodeAscii(
        await readPart(source, member.start, Math.min(size, 16), name, signal),
      );
      if (!/^2\.\d+\n/.test(version)) {
        throw new BadArchive(`its format is ${quote(version.trim())}, expected 2.0`);
      }
    } else if (control === undefined) {
      // Names with a leading underscore are for other programs.
      if (name.startsWith("_")) continue;
      const [, compression] = /^control\.tar(?:\.(gz|xz|zst))?$/.exec(name) ?? [undefined, ""];
      if (compression === "") {
        throw new BadArchive(
          `its second member is ${quote(name)}, expected control.tar, .gz, .xz or .zst`,
        );
      }
      if (size > MAX_CONTROL_TAR) throw new BadArchive(`its ${name} has ${size} bytes`);
      control = member;
      format = (compression ?? "tar") as ArchiveFormat;
    } else if (/^data\.tar(?:\.[a-z0-9]+)?$/.test(name)) hasData = true;
  }
  if (control === undefined || format === undefined || !hasData) {
    throw new BadArchive(`it is incomplete: it has no ${control ? "data.tar" : "control.tar"}`);
  }
  return { control, format };
}

/** The header of a member: name, time, owner, group, mode, size, and two bytes at the end. */
function parseHeader(bytes: Uint8Array, at: number): ArMember {
  const text = decodeAscii(bytes);
  const size = text.slice(48, 58).trimEnd();
  if (text.slice(58) !== "`\n" || !/^\d+$/.test(size)) {
    throw new BadArchive(`the header of a member is broken at byte ${at}`);
  }
  const name = text.slice(0, 16).trimEnd().replace(/\/$/, "");
  return { name, start: at + HEADER, size: Number(size) };
}

/** The file `control` in a control part. */
function controlFile(tar: Uint8Array): string {
  const pieces: Uint8Array[] = [];
  let found = 0;
  let isControl = false;
  const reader = new TarReader({
    member: ({ name, type, size }) => {
      isControl = type === "file" && /^(?:\.\/)?control$/.test(name);
      if (!isControl) return;
      found++;
      if (size > MAX_CONTROL) throw new BadArchive(`its control file has ${size} bytes`);
    },
    data: (bytes) => {
      if (isControl) pieces.push(bytes.slice());
    },
    hole: () => {
      if (isControl) throw new BadArchive("its control file is sparse");
    },
    end: () => isControl = false,
  });
  reader.push(tar);
  reader.finish();
  if (found !== 1) throw new BadArchive(`its control.tar has ${found} files 'control', expected 1`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(joined(pieces));
  } catch {
    throw new BadArchive("its control file is not UTF-8");
  }
}

function checkField(stanza: Stanza, name: string, pattern: RegExp): void {
  const value = stanza.get(name);
  if (value === undefined) throw new BadArchive(`its control file has no ${name}`);
  if (!pattern.test(value)) {
    throw new BadArchive(`its control file has a bad ${name}: ${quote(value)}`);
  }
}

function decodeAscii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
