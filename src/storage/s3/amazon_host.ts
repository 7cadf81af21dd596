/**
 * Amazon's host names: by region, with variants for IPv6 and for FIPS.
 *
 * @module
 */

/** A variant of Amazon's hosts. */
export interface HostVariant {
  /** With validated cryptography. */
  readonly fips: boolean;
  /** With IPv6 addresses. */
  readonly dualStack: boolean;
}

/** The domains of separate partitions of Amazon, by the beginning of their regions. */
const DOMAINS: readonly (readonly [prefix: string, domain: string])[] = [
  ["cn-", "amazonaws.com.cn"],
  ["us-iso-", "c2s.ic.gov"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"],
  ["eusc-", "amazonaws.eu"],
];

/**
 * The domain of a region's hosts.
 *
 * @param region The region.
 * @returns `amazonaws.com`, except for separate partitions, as in China.
 */
export function amazonDomain(region: string): string {
  return DOMAINS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "amazonaws.com";
}

/**
 * The host of a region. Requests for a bucket go to a subdomain of it.
 *
 * @param region The region.
 * @param variant The variant.
 * @returns The host that the AWS SDK would use.
 */
export function amazonHost(region: string, { fips, dualStack }: HostVariant): string {
  const service = `s3${fips ? "-fips" : ""}${dualStack ? ".dualstack" : ""}`;
  return `${service}.${region}.${amazonDomain(region)}`;
}
