import type { Request, Response } from 'express';

/*
 * Pages of other origins may call a webhook only where its node names them. Nothing is ever allowed together with
 * credentials, so no browser sends cookies along.
 */

const PREFLIGHT_SECONDS = '600';

/** True when a page of this origin may call and read the answer. */
function isAllowed(origin: string, allowOrigins: string): boolean {
  const allowed = allowOrigins.split(/\s+/);
  return allowed.includes('*') || allowed.includes(origin);
}

/** Lets a page that may call read the answer; sets nothing for others, whose browsers then keep it from them. */
export function shareAnswer(request: Request, response: Response, allowOrigins: string): boolean {
  if (allowOrigins === '') return false;
  response.vary('Origin');
  const { origin } = request.headers;
  if (origin === undefined || !isAllowed(origin, allowOrigins)) return false;
  response.set({
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': 'X-Switchyard-Run, Retry-After, Location',
    'Cross-Origin-Resource-Policy': 'cross-origin',
  });
  return true;
}

/** Answers OPTIONS: what this address takes, and for a preflight of a page that may call, that it may. */
export function answerOptions(
  request: Request,
  response: Response,
  hook: { readonly allowOrigins: string; readonly methods: readonly string[] },
): void {
  const methods = [...hook.methods, 'HEAD', 'OPTIONS'].join(', ');
  response.set('Allow', methods);
  const asked = request.headers['access-control-request-headers'];
  if (shareAnswer(request, response, hook.allowOrigins)) {
    response.set({ 'Access-Control-Allow-Methods': methods, 'Access-Control-Max-Age': PREFLIGHT_SECONDS });
    if (typeof asked === 'string') response.set('Access-Control-Allow-Headers', asked.slice(0, 1_000));
  }
  response.status(204).end();
}
