/**
 * Bytes for tests, and what they hash to.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Chunks } from "../../src/storage/backend.ts";

/** Bytes that do not compress and are the same each time. */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = 0x9e3779b9 ^ Math.imul(seed, 0x85ebca6b) || 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** How the files of each format begin. */
const BEGIN = {
  zst: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  gz: [0x1f, 0x8b],
  zip: [0x50, 0x4b, 0x03, 0x04],
};

/** What nobody can unpack, and yet begins like an archive. */
export function likeArchive(
  compression: keyof typeof BEGIN,
  content: Uint8Array | string = "",
): Uint8Array<ArrayBuffer> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return concat([new Uint8Array(BEGIN[compression]), bytes]);
}

/** The SHA-256 of bytes or a text, 64 hex digits. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** All bytes of a stream whose chunks are reused. */
export async function collect(chunks: Chunks): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** One array of several. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
