/**
 * Python packages made by hand: a wheel is a ZIP file, a source distribution a tarball.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { crc32, gzipSync } from "node:zlib";

const encoder = new TextEncoder();

/** Makes a wheel with one module, called like the project. */
export function makeWheel(
  name: string,
  version: string,
  source: string,
  requires?: string,
): Uint8Array<ArrayBuffer> {
  const info = `${name}-${version}.dist-info`;
  const files: Record<string, string> = {
    [`${name}.py`]: source,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n` +
      (requires === undefined ? "" : `Requires-Dist: ${requires}\n`),
    [`${info}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  const record = Object.entries(files).map(([path, text]) => {
    const hash = createHash("sha256").update(text).digest("base64url");
    return `${path},sha256=${hash},${encoder.encode(text).length}\n`;
  });
  files[`${info}/RECORD`] = `${record.join("")}${info}/RECORD,,\n`;
  return zip(files);
}

/** Makes a source distribution that setuptools can read. */
export function makeSdist(name: string, version: string): Uint8Array<ArrayBuffer> {
  const dir = `${name}-${version}`;
  return tarball({
    [`${dir}/PKG-INFO`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${dir}/setup.py`]: `from setuptools import setup\nsetup(name="${name}", ` +
      `version="${version}", py_modules=[])\n`,
  });
}

/** A ZIP file whose members are stored as they are. */
function zip(files: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = encoder.encode(name);
    const data = encoder.encode(text);
    const common = [
      [2, 20],
      [2, 0x800],
      [2, 0],
      [2, 0],
      [2, 0x21],
      [4, crc32(data)],
      [4, data.length],
      [4, data.length],
      [2, path.length],
      [2, 0],
    ] as const;
    const header = numbers([[4, 0x04034b50], ...common]);
    local.push(header, path, data);
    const attributes = [[2, 0], [2, 0], [2, 0], [4, 0x81a40000], [4, offset]] as const;
    central.push(numbers([[4, 0x02014b50], [2, 0x314], ...common, ...attributes]), path);
    offset += header.length + path.length + data.length;
  }
  const count = Object.keys(files).length;
  const size = central.reduce((sum, { length }) => sum + length, 0);
  const end = numbers([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, size],
    [4, offset],
    [2, 0],
  ]);
  return concat([...local, ...central, end]);
}

function tarball(files: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = [];
  for (const [name, text] of Object.entries(files)) {
    const data = encoder.encode(text);
    const header = new Uint8Array(512);
    const put = (at: number, value: string) => header.set(encoder.encode(value), at);
    put(0, name);
    put(100, "0000644\0" + "0000000\0" + "0000000\0");
    put(124, `${data.length.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0`);
    put(148, "        0");
    put(257, "ustar\x0000");
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
    blocks.push(header, data, new Uint8Array((512 - data.length % 512) % 512));
  }
  return new Uint8Array(gzipSync(concat([...blocks, new Uint8Array(1024)])));
}

/** Little-endian numbers of 2 or 4 bytes. */
function numbers(fields: readonly (readonly [size: number, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of fields) {
    for (let i = 0; i < size; i++) bytes[at++] = value >>> (8 * i);
  }
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
