import ipaddr from 'ipaddr.js';

/**
 * Whether an address is an ordinary public one. Everything else is refused: loopback, private, link-local (cloud
 * metadata), carrier-grade NAT, multicast, documentation, and the IPv6 forms that carry an IPv4 address inside, since
 * a gateway would unwrap them (mapped ones are judged by what they carry).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  return ipaddr.process(address).range() === 'unicast';
}
