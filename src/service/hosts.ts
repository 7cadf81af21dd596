/**
 * The hosts that a request may name. A page of another site can let its own name point at this
 * machine (DNS rebinding); such a request names the other site's host.
 *
 * @module
 */

/** Which hosts are allowed. */
export interface HostRules {
  /** The address that the service listens on; none for a Unix socket. */
  readonly address?: string;
  /** Names that are allowed too, without ports, in lower case. */
  readonly names: readonly string[];
}

const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i;

const IPV4 = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;

/** Addresses that mean all addresses of the machine. */
const EVERYWHERE = ["0.0.0.0", "::"];

/**
 * The name in a host header.
 *
 * @param authority A host with or without a port.
 * @returns The host without the port, in lower case; `undefined`, if it is not a valid one.
 */
export function hostName(authority: string): string | undefined {
  return AUTHORITY.exec(authority)?.[1].toLowerCase();
}

/**
 * Whether an address is one of this machine that no other machine reaches.
 *
 * @param address An IP address, or a name.
 * @returns `true` for 127.0.0.0/8, `::1` and `localhost`.
 */
export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address === "[::1]" ||
    (IPV4.test(address) && address.startsWith("127."));
}

/**
 * Whether a request may name a host. Its port does not matter, because ports can be mapped.
 *
 * @param name The host's name, from {@linkcode hostName}.
 * @param rules Which hosts are allowed.
 * @returns `true` for `localhost`, an address that the service listens on, and the given names.
 */
export function isAllowedHost(name: string, { address, names }: HostRules): boolean {
  if (name === "localhost" || names.includes(name)) return true;
  const ip = name.startsWith("[") ? canonicalIpv6(name) : IPV4.test(name) ? name : undefined;
  if (ip === undefined || address === undefined) return false;
  // Nobody can let an address point elsewhere, so any is right where the service listens on all.
  if (EVERYWHERE.includes(address)) return true;
  if (isLoopback(address)) return isLoopback(ip);
  return ip === (address.includes(":") ? canonicalIpv6(`[${address}]`) : address);
}

function canonicalIpv6(name: string): string | undefined {
  return URL.canParse(`http://${name}/`)
    ? new URL(`http://${name}/`).hostname.slice(1, -1)
    : undefined;
}
