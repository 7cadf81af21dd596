/**
 * Verifies the bytes of a whole object with the checksum in the server's response.
 *
 * Supported are the algorithms that the runtime computes fast enough: SHA-256, SHA-1 and CRC-32.
 * CRC-32C and CRC-64/NVME are not, because in JavaScript they take longer than the transfer.
 * Checksums of parts (`…-3`) are not either, because a response does not contain the part sizes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";

/** The header that requests checksums. */
export const ASK_FOR_CHECKSUM = { "x-amz-checksum-mode": "ENABLED" } as const;

/** An incremental checksum. */
interface Sum {
  update(bytes: Uint8Array): void;
  /** In base64, as in the header. */
  digest(): string;
}

const KINDS: readonly (readonly [string, () => Sum])[] = [
  ["sha256", () => hashSum("sha256")],
  ["sha1", () => hashSum("sha1")],
  ["crc32", crc32Sum],
];

/** The expected checksum of an object. */
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
   * Reads the checksum of a response.
   *
   * @param headers The headers of a response with a whole object.
   * @returns The checksum; `undefined`, if there is none that can be verified.
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
   * Adds the next bytes.
   *
   * @param bytes The bytes.
   */
  update(bytes: Uint8Array): void {
    this.#sum.update(bytes);
  }

  /**
   * Verifies the checksum.
   *
   * @param object The object, for the message.
   * @throws {RunOutputsError} `integrity`, on a checksum mismatch.
   */
  verify(object: string): void {
    const actual = this.#sum.digest();
    if (actual === this.#expected) return;
    throw new RunOutputsError(
      "integrity",
      `Cannot read '${object}': checksum mismatch (expected ${this.#kind} ${this.#expected}, ` +
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
      return btoa(String.fromCharCode(...bytes));
    },
  };
}
