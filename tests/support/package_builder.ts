/**
 * Packages for tests, byte by byte: no program is needed to make them, and they can be broken in any
 * way.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { concat } from "./bytes.ts";
import { tar } from "./tar_builder.ts";

const encoder = new TextEncoder();

/** A member of an `ar` archive. */
export interface ArMember {
  readonly name: string;
  readonly content: Uint8Array | string;
}

/** An `ar` archive. */
export function ar(members: readonly ArMember[]): Uint8Array {
  const pieces: Uint8Array[] = [encoder.encode("!<arch>\n")];
  for (const { name, content } of members) {
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    const header = `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}` +
      `${"100644".padEnd(8)}${`${bytes.length}`.padEnd(10)}\`\n`;
    pieces.push(encoder.encode(header), bytes);
    if (bytes.length % 2 === 1) pieces.push(encoder.encode("\n"));
  }
  return concat(pieces);
}

/** The control part of a package. */
export function controlTar(control: string): Uint8Array {
  return tar(
    { name: "./", type: "5" },
    { name: "./md5sums", content: "abc" },
    { name: "./control", content: control },
  );
}

/** The control file of a package. */
export function control(name: string, more: Readonly<Record<string, string>> = {}): string {
  const fields = { Package: name, Version: "1.0", Architecture: "amd64", ...more };
  return Object.entries({ ...fields, Description: "of a test\n Long." })
    .map(([field, value]) => `${field}: ${value}\n`).join("");
}

/** A Debian package. */
export function deb(
  name: string,
  { data = "data", ...more }: { readonly data?: string } & Readonly<Record<string, string>> = {},
): Uint8Array {
  return ar([
    { name: "debian-binary", content: "2.0\n" },
    { name: "control.tar.gz", content: new Uint8Array(gzipSync(controlTar(control(name, more)))) },
    { name: "data.tar.xz", content: data },
  ]);
}

/** A value of a tag: texts, or numbers of 32 bits. */
export type RpmValue = string | readonly string[] | readonly number[];

/** A header of an RPM package. */
export function rpmHeader(tags: Readonly<Record<number, RpmValue>>): Uint8Array {
  const index: Uint8Array[] = [];
  const store: Uint8Array[] = [];
  let offset = 0;
  for (const [tag, value] of Object.entries(tags)) {
    const isText = typeof value === "string" || typeof value[0] === "string";
    const values = typeof value === "string" ? [value] : value;
    if (!isText && offset % 4 !== 0) {
      store.push(new Uint8Array(4 - offset % 4));
      offset += 4 - offset % 4;
    }
    const type = typeof value === "string" ? 6 : isText ? 8 : 4;
    index.push(words(Number(tag), type, offset, values.length));
    const bytes = isText
      ? encoder.encode(values.map((text) => `${text}\0`).join(""))
      : words(...values as number[]);
    store.push(bytes);
    offset += bytes.length;
  }
  return concat([words(0x8eade801, 0, index.length, offset), ...index, ...store]);
}

function words(...numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.length * 4));
  numbers.forEach((number, i) => view.setUint32(i * 4, number));
  return new Uint8Array(view.buffer);
}

/** What differs from a whole package. */
export interface RpmOptions {
  readonly payload?: string;
  /** More tags, or others. */
  readonly tags?: Readonly<Record<number, RpmValue>>;
  /** More tags of the signature, or others. */
  readonly signature?: Readonly<Record<number, RpmValue>>;
  /** The type in the lead: 1 is a package of sources. */
  readonly type?: number;
}

/** An RPM package. */
export function rpm(name: string, options: RpmOptions = {}): Uint8Array {
  const payload = encoder.encode(options.payload ?? "payload");
  const header = rpmHeader({
    1000: name,
    1001: "1.0",
    1002: "1",
    1004: "of a test",
    1006: [1_700_000_000],
    1022: "x86_64",
    1047: [name],
    1112: [8],
    1113: ["1.0-1"],
    ...options.tags,
  });
  const lead = new Uint8Array(96);
  lead.set([0xed, 0xab, 0xee, 0xdb, 3, 0, 0, options.type ?? 0]);
  const signature = rpmHeader({
    1000: [header.length + payload.length],
    273: createHash("sha256").update(header).digest("hex"),
    ...options.signature,
  });
  const padding = new Uint8Array((8 - signature.length % 8) % 8);
  return concat([lead, signature, padding, header, payload]);
}
