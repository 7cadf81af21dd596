/**
 * An authority of a test's own, and the certificate of a server that it vouches for: just enough
 * of X.509 (RFC 5280) for that.
 *
 * @module
 */

/** What {@linkcode makeCertificates} makes, all as PEM. */
export interface Certificates {
  /** The authority's certificate, for those who are to trust it. */
  readonly ca: string;
  /** The server's certificate. */
  readonly cert: string;
  /** The server's key. */
  readonly key: string;
}

/**
 * Makes an authority and a server's certificate, good for a day.
 *
 * @param names The server's names beside 127.0.0.1.
 * @returns All as PEM.
 */
export async function makeCertificates(...names: string[]): Promise<Certificates> {
  const authority = await keyPair();
  const server = await keyPair();
  const ca = await certificate("run-outputs test authority", authority, authority, [
    extension("2.5.29.19", sequence(der(0x01, [0xff])), true),
  ]);
  const alternatives = sequence(
    der(0x87, [127, 0, 0, 1]),
    ...names.map((name) => der(0x82, new TextEncoder().encode(name))),
  );
  const cert = await certificate("run-outputs test server", server, authority, [
    extension("2.5.29.17", alternatives),
  ]);
  const key = new Uint8Array(await crypto.subtle.exportKey("pkcs8", server.privateKey));
  return {
    ca: pem("CERTIFICATE", ca),
    cert: pem("CERTIFICATE", cert),
    key: pem("PRIVATE KEY", key),
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const AUTHORITY_NAME = "run-outputs test authority";

async function keyPair(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
}

async function certificate(
  name: string,
  subject: CryptoKeyPair,
  issuer: CryptoKeyPair,
  extensions: readonly Bytes[],
): Promise<Bytes> {
  const day = 24 * 3_600_000;
  const body = sequence(
    der(0xa0, integer([2])),
    integer(crypto.getRandomValues(new Uint8Array(8)).with(0, 1)),
    ECDSA_WITH_SHA256,
    commonName(AUTHORITY_NAME),
    sequence(time(Date.now() - day), time(Date.now() + day)),
    commonName(name),
    new Uint8Array(await crypto.subtle.exportKey("spki", subject.publicKey)),
    der(0xa3, sequence(...extensions)),
  );
  const signed = new Uint8Array(
    await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, issuer.privateKey, body),
  );
  const signature = sequence(integer(signed.subarray(0, 32)), integer(signed.subarray(32)));
  return sequence(body, ECDSA_WITH_SHA256, der(0x03, [0, ...signature]));
}

function extension(id: string, value: Bytes, critical = false): Bytes {
  return sequence(oid(id), ...(critical ? [der(0x01, [0xff])] : []), der(0x04, value));
}

function commonName(text: string): Bytes {
  const value = der(0x0c, new TextEncoder().encode(text));
  return sequence(der(0x31, sequence(oid("2.5.4.3"), value)));
}

function time(ms: number): Bytes {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x18, new TextEncoder().encode(text));
}

function oid(id: string): Bytes {
  const [first, second, ...rest] = id.split(".").map(Number);
  const bytes = rest.flatMap((number) => {
    const digits = [number & 0x7f];
    while ((number >>= 7) > 0) digits.unshift(number & 0x7f | 0x80);
    return digits;
  });
  return der(0x06, [first * 40 + second, ...bytes]);
}

/** A number that is not negative, without leading zeros but the one that says so. */
function integer(bytes: ArrayLike<number>): Bytes {
  const digits = [...Array.from(bytes)];
  while (digits.length > 1 && digits[0] === 0) digits.shift();
  return der(0x02, digits[0] >= 0x80 ? [0, ...digits] : digits);
}

function sequence(...items: readonly Bytes[]): Bytes {
  return der(0x30, items.flatMap((item) => [...item]));
}

function der(tag: number, content: ArrayLike<number>): Bytes {
  const { length } = content;
  const size = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return Uint8Array.from([tag, ...size, ...Array.from(content)]);
}

function pem(label: string, bytes: Bytes): string {
  const lines = bytes.toBase64().match(/.{1,64}/g)!;
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
