import type { AllowedPlace } from './contract.ts';
import { OutboundError } from './contract.ts';

/** Where a URL may be fetched: at a public address only, or at one of the allowed places whatever its address. */
export type Way = 'public' | 'allowed';

/** The URL when it is one this client may speak to at all. Rejects other schemes, credentials in the URL and ports off the list. */
export function parseTarget(text: string, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    throw new OutboundError('invalid_url', `not a URL: ${JSON.stringify(text.slice(0, 200))}`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new OutboundError('egress_denied', `only http and https addresses can be fetched, not ${url.protocol}`);
  if (url.username !== '' || url.password !== '')
    throw new OutboundError('egress_denied', 'an address must not hold a user name or password');
  url.hash = '';
  return url;
}

/**
 * Decides the way of one hop. A path below an allowed prefix must be plain: `new URL` has resolved dots already, and a
 * percent sign could hide a slash or a dot that the other side decodes after us.
 */
export function wayTo(url: URL, allow: readonly AllowedPlace[], ports: readonly number[]): Way {
  const origin = allow.filter((place) => place.origin === url.origin);
  if (origin.some((place) => isBelow(url.pathname, place.pathPrefix))) return 'allowed';
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (origin.length > 0)
    throw new OutboundError(
      'egress_denied',
      `${url.origin}${url.pathname} is not among the allowed paths of ${url.origin}`,
    );
  if (!ports.includes(port))
    throw new OutboundError('egress_denied', `port ${port} is not among the allowed ones (${ports.join(', ')})`);
  return 'public';
}

const isBelow = (path: string, prefix: string): boolean =>
  prefix === '/' || (path.startsWith(prefix) && !/[%\\]|\/\/|\/\.{1,2}(\/|$)/.test(path));
