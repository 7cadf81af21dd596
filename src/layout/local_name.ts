/**
 * Converts keys to paths on disk and back.
 *
 * On Linux and macOS a key is used as a relative path without change. Windows rejects some names
 * that real runs have (`rccl_test_gfx942:xnack+.tar.zst`), so there each segment is encoded: a
 * rejected character becomes `%` and its two hex digits, and a `%` that looks like such a code
 * becomes `%25`. Decoding restores the exact segment.
 *
 * @module
 */

/** Device names that Windows reserves, also with an extension and with spaces before it. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i;

// deno-lint-ignore no-control-regex -- Windows refuses control characters in names
const REFUSED = /[<>:"|?*\\\u0000-\u001f]|%(?=[0-9A-Fa-f]{2})/g;

/**
 * Encodes one segment of a key as a file name that Windows accepts.
 *
 * @param segment One segment of a key.
 * @returns The name on a Windows disk; most segments do not change.
 *
 * @example
 * ```ts
 * import { encodeWindowsName } from "@therock/run-outputs/layout";
 *
 * console.assert(encodeWindowsName("gfx942:xnack+") === "gfx942%3Axnack+");
 * ```
 */
export function encodeWindowsName(segment: string): string {
  let name = segment.replace(REFUSED, hex);
  if (RESERVED.test(name)) name = hex(name[0]) + name.slice(1);
  if (/[. ]$/.test(name)) name = name.slice(0, -1) + hex(name[name.length - 1]);
  return name;
}

/**
 * The inverse of {@linkcode encodeWindowsName}.
 *
 * @param name A name on a Windows disk.
 * @returns The segment of the key. Names that the encoding never produces, such as `a%2Fb`, were
 * created by something else and are returned unchanged: decoded, they could be more than one
 * segment.
 */
export function decodeWindowsName(name: string): string {
  const segment = name.replace(
    /%([0-9A-F]{2})/g,
    (_, digits) => String.fromCharCode(parseInt(digits, 16)),
  );
  return encodeWindowsName(segment) === name ? segment : name;
}

function hex(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
