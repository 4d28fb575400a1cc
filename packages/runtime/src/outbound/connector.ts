import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { isPublicAddress } from './address.ts';
import { OutboundError } from './contract.ts';

const CONNECT_MS = 5_000;

const denied = (what: string): OutboundError => new OutboundError('egress_denied', `${what} is not a public address`);

/**
 * A connector that opens sockets to public addresses only. The check stands here, after name lookup and again on the
 * address the socket really has, so that neither a redirect nor a name that changes its answer gets around it. A name
 * with one address that is not public is refused whole.
 */
export function publicConnector(lookup: LookupFunction = systemLookup): buildConnector.connector {
  const checked: LookupFunction = (host, options, callback) =>
    lookup(host, { ...options, all: true }, (error, found) => {
      const list = Array.isArray(found) ? found : [];
      const [first] = list;
      if (error) return callback(error, '', 0);
      if (!first || list.some((entry) => !isPublicAddress(entry.address))) return callback(denied(host), '', 0);
      return options.all ? callback(null, list) : callback(null, first.address, first.family);
    });
  const connect = buildConnector({ lookup: checked, timeout: CONNECT_MS });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    // a literal never reaches the lookup
    if (isIP(host) !== 0 && !isPublicAddress(host)) return callback(denied(host), null);
    return connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if (isPublicAddress(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      return callback(denied(host), null);
    });
  };
}

/** A connector without an address check, for places an operator has named. */
export const plainConnector = (lookup: LookupFunction = systemLookup): buildConnector.connector =>
  buildConnector({ lookup, timeout: CONNECT_MS });
