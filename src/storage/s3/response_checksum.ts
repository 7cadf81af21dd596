/**
 * The checksum that a server tells of a whole object, held against the bytes that arrive.
 *
 * Those kinds are checked that the runtime computes as fast as they arrive: SHA-256, SHA-1 and
 * CRC-32. CRC-32C and CRC-64/NVME are not: in script they cost more than the transfer. Nor is what
 * stands for the parts of an object (`…-3`), whose borders an answer does not tell.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";

/** The header that asks for checksums. */
export const ASK_FOR_CHECKSUM = { "x-amz-checksum-mode": "ENABLED" } as const;

/** A checksum that grows with the bytes. */
interface Sum {
  update(bytes: Uint8Array): void;
  /** In base64, as the header has it. */
  digest(): string;
}

const KINDS: readonly (readonly [string, () => Sum])[] = [
  ["sha256", () => hashSum("sha256")],
  ["sha1", () => hashSum("sha1")],
  ["crc32", crc32Sum],
];

/** What the bytes of one object have to be. */
export class ResponseChecksum {
  readonly #kind: string;
  readonly #expected: string;
  readonly #sum: Sum;

  private constructor(kind: string, expected: string, sum: Sum) {
    this.#kind = kind;
    this.#expected = expected;
    this.#sum = sum;
  }

  /**
   * Reads what an answer tells.
   *
   * @param headers The headers of an answer with a whole object.
   * @returns The checksum; `undefined`, if it tells none that can be checked.
   */
  static of(headers: Headers): ResponseChecksum | undefined {
    for (const [kind, sum] of KINDS) {
      const expected = headers.get(`x-amz-checksum-${kind}`);
      if (expected === null || expected.includes("-")) continue;
      return new ResponseChecksum(kind, expected, sum());
    }
    return undefined;
  }

  /**
   * Takes the next bytes in.
   *
   * @param bytes The bytes.
   */
  update(bytes: Uint8Array): void {
    this.#sum.update(bytes);
  }

  /**
   * Ends the check.
   *
   * @param location The object, for the message.
   * @throws {RunOutputsError} `integrity`, if the bytes are others.
   */
  verify(location: OutputLocation): void {
    const actual = this.#sum.digest();
    if (actual === this.#expected) return;
    throw new RunOutputsError(
      "integrity",
      `Cannot read '${location}': checksum mismatch (expected ${this.#kind} ${this.#expected}, ` +
        `got ${actual}, in base64); try again`,
    );
  }
}

function hashSum(algorithm: string): Sum {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("base64") };
}

function crc32Sum(): Sum {
  let crc = 0;
  return {
    update: (bytes) => void (crc = crc32(bytes, crc)),
    digest: () => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, crc);
      return bytes.toBase64();
    },
  };
}
