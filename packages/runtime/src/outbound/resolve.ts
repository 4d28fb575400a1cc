import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './address.ts';
import { type AllowedPlace, OutboundError } from './contract.ts';
import { toOutboundError } from './failure.ts';

const HOST_NAME = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/i;

/**
 * The one address of a host to connect to. A name with one address that is not public is refused whole, unless the operator
 * allows that host and port as a whole; names are compared as they are written, before any lookup.
 */
export async function resolveAddress(
  { host, port }: { readonly host: string; readonly port: number },
  allow: readonly AllowedPlace[],
  lookup: LookupFunction = systemLookup,
): Promise<string> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || (isIP(host) === 0 && !HOST_NAME.test(host)))
    throw new OutboundError('invalid_url', `not a host and a port: ${JSON.stringify(`${host}:${port}`.slice(0, 200))}`);
  const addresses = isIP(host) === 0 ? await lookUp(host, lookup) : [host];
  const [first] = addresses;
  if (first === undefined) throw new OutboundError('dns_failed', `the name of ${host} does not exist`);
  if (!isAllowed(host, port, allow) && !addresses.every(isPublicAddress))
    throw new OutboundError('egress_denied', `${host}:${port} is not a public address`);
  return first;
}

function isAllowed(host: string, port: number, allow: readonly AllowedPlace[]): boolean {
  const name = (isIP(host) === 6 ? `[${host}]` : host).toLowerCase();
  return allow.some(({ origin, pathPrefix }) => {
    if (pathPrefix !== '/') return false;
    const place = new URL(origin);
    const usual = place.protocol === 'https:' ? 443 : 80;
    return place.hostname === name && (place.port === '' ? usual : Number(place.port)) === port;
  });
}

function lookUp(host: string, lookup: LookupFunction): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error) reject(toOutboundError(error, new URL(`http://${host}`)));
      else resolve(Array.isArray(found) ? found.map(({ address }) => address) : []);
    });
  });
}
