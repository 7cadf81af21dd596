/**
 * Amazon's hosts: by region, and in the variants for IPv6 and for FIPS.
 *
 * @module
 */

/** Which of Amazon's hosts is asked. */
export interface HostVariant {
  /** One with validated cryptography. */
  readonly fips: boolean;
  /** One that has IPv6 addresses too. */
  readonly dualStack: boolean;
}

/** The domains of separate parts of Amazon, by how their regions begin. */
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
 * @returns `amazonaws.com`, but for regions that are separate, as in China.
 */
export function amazonDomain(region: string): string {
  return DOMAINS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "amazonaws.com";
}

/**
 * The host of a region. Requests for a bucket go to a subdomain of it.
 *
 * @param region The region.
 * @param variant Which host.
 * @returns The host, the same that the AWS SDK takes.
 */
export function amazonHost(region: string, { fips, dualStack }: HostVariant): string {
  const service = `s3${fips ? "-fips" : ""}${dualStack ? ".dualstack" : ""}`;
  return `${service}.${region}.${amazonDomain(region)}`;
}
