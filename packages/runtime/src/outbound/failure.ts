import { OutboundError, type OutboundErrorCode } from './contract.ts';

type Rule = {
  readonly codes: RegExp;
  readonly is: OutboundErrorCode;
  readonly retryable?: boolean;
  readonly say: (host: string, code: string) => string;
};

/** Codes of node and undici; the first rule that fits decides. */
const RULES: readonly Rule[] = [
  {
    codes: /^EAI_AGAIN$/,
    is: 'dns_failed',
    retryable: true,
    say: (host) => `the name of ${host} cannot be resolved just now`,
  },
  { codes: /^(ENOTFOUND|ENODATA)$/, is: 'dns_failed', say: (host) => `the name of ${host} does not exist` },
  {
    codes:
      /^(ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|EPIPE|ETIMEDOUT|EADDRNOTAVAIL|UND_ERR_SOCKET|UND_ERR_CONNECT_TIMEOUT)$/,
    is: 'connect_failed',
    retryable: true,
    say: (host, code) => `${host} cannot be reached (${code})`,
  },
  {
    codes: /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED)/,
    is: 'tls_failed',
    say: (host, code) => `${host} has no certificate that can be trusted (${code})`,
  },
  { codes: /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/, is: 'timeout', say: (host) => `${host} did not answer in time` },
  { codes: /^UND_ERR_RES_EXCEEDED_MAX_SIZE$/, is: 'too_large', say: (host) => `the answer of ${host} is too large` },
  {
    codes: /^UND_ERR_INVALID_ARG$/,
    is: 'invalid_url',
    say: (host) => `the request to ${host} cannot be sent as it is`,
  },
];

/** An error and what caused it, the outermost first; of several attempts at once the first. */
function* causesOf(error: unknown): Generator<Error> {
  for (let cause = error; cause instanceof Error; ) {
    yield cause;
    cause = cause instanceof AggregateError && !('code' in cause) ? cause.errors[0] : cause.cause;
  }
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** The error behind what undici, node or an abort threw. The one place where foreign errors become ours. */
export function toOutboundError(error: unknown, url: URL): OutboundError {
  const causes = [...causesOf(error)];
  const own = causes.find((cause) => cause instanceof OutboundError);
  if (own) return own;
  for (const code of causes.map(codeOf)) {
    const rule = RULES.find((candidate) => candidate.codes.test(code));
    if (rule)
      return new OutboundError(rule.is, rule.say(url.host, code), { retryable: rule.retryable ?? false, cause: error });
  }
  const message = causes.at(-1)?.message ?? String(error);
  return new OutboundError(
    'bad_response',
    `${url.host} did not give a usable answer: ${message}`.replace(/\s+/g, ' '),
    { cause: error },
  );
}
