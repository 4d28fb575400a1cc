import { OutboundError } from './contract.ts';

type Coded = { readonly code: string; readonly message: string };

/** The error behind what undici, node or an abort threw. The one place where foreign errors become ours. */
export function toOutboundError(error: unknown, url: URL): OutboundError {
  for (
    let cause: unknown = error;
    cause !== undefined && cause !== null;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    if (cause instanceof OutboundError) return cause;
    if (cause instanceof AggregateError && cause.errors.length > 0 && !('code' in cause))
      return toOutboundError(cause.errors[0], url);
  }
  const { code, message } = coded(error);
  const host = url.host;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA') {
    return new OutboundError('dns_failed', `the name ${url.hostname} cannot be resolved`, {
      retryable: code === 'EAI_AGAIN',
      cause: error,
    });
  }
  if (
    code === 'UND_ERR_CONNECT_TIMEOUT' ||
    /^(ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|EPIPE|ETIMEDOUT|EADDRNOTAVAIL|UND_ERR_SOCKET)$/.test(code)
  ) {
    return new OutboundError(
      'connect_failed',
      `${host} cannot be reached (${code === 'UND_ERR_SOCKET' ? 'connection broken' : code})`,
      { retryable: true, cause: error },
    );
  }
  if (/^(CERT_|ERR_TLS|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|ERR_SSL)/.test(code))
    return new OutboundError('tls_failed', `${host} has no certificate that can be trusted (${code})`, {
      cause: error,
    });
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return new OutboundError('timeout', `${host} did not answer in time`, { cause: error });
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return new OutboundError('too_large', `the answer of ${host} is too large`, { cause: error });
  if (code === 'UND_ERR_INVALID_ARG')
    return new OutboundError('invalid_url', `the request cannot be sent: ${message}`, { cause: error });
  return new OutboundError('bad_response', `${host} did not give a usable answer: ${message}`.replace(/\s+/g, ' '), {
    cause: error,
  });
}

function coded(error: unknown): Coded {
  let found: Coded = { code: '', message: 'unknown error' };
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (found.message === 'unknown error') found = { ...found, message: cause.message };
    if ('code' in cause && typeof cause.code === 'string') return { code: cause.code, message: cause.message };
  }
  return found;
}
