import type { NextFunction, Request, Response } from 'express';
import { ApiError } from './api-error.ts';

/** Where this server is reached: its own address and, behind a proxy, the public one. */
export type Addresses = {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: URL | null;
  /** Hosts under which the demo pages, and nothing else, are served besides. */
  readonly demoHosts: readonly string[];
};

/** Host names under which this server answers. A page that resolved its own name to 127.0.0.1 is not among them. */
export function allowedHosts({ host, port, publicUrl }: Omit<Addresses, 'demoHosts'>): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]', host.includes(':') ? `[${host}]` : host];
  const hosts = names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
  return new Set([...hosts, ...(publicUrl ? [publicUrl.host] : [])].map((name) => name.toLowerCase()));
}

/**
 * Refuses requests that a page of another origin made the browser send: the Host must be ours (DNS rebinding), and an
 * Origin, when there is one, must be a page of ours. 403 `wrong_host`, `wrong_origin`. `hosts` are in lower case, with their port.
 */
export function guardHost(
  hosts: ReadonlySet<string>,
): (request: Request, response: Response, next: NextFunction) => void {
  return (request, _response, next) => {
    const host = request.headers.host?.toLowerCase() ?? '';
    if (!hosts.has(host))
      throw new ApiError(403, 'wrong_host', `This server does not answer as "${host}".`, {
        hint: 'Use the address it printed, or set SWITCHYARD_PUBLIC_URL to the public one.',
      });
    const { origin } = request.headers;
    if (origin !== undefined && !isOurs(origin, hosts))
      throw new ApiError(403, 'wrong_origin', `Requests of pages from "${origin}" are refused.`);
    if (origin === undefined && request.headers['sec-fetch-site'] === 'cross-site' && request.method !== 'GET')
      throw new ApiError(403, 'wrong_origin', 'Requests of foreign pages are refused.');
    next();
  };
}

function isOurs(origin: string, hosts: ReadonlySet<string>): boolean {
  try {
    return hosts.has(new URL(origin).host.toLowerCase());
  } catch {
    return false; // "null" and other opaque origins
  }
}

const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'", // the canvas positions nodes by style attributes
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');

/** Headers that keep answers from being framed, sniffed or given scripts of others. */
export function safeHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.set({
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
  });
  next();
}
