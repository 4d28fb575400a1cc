import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LookupFunction } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOutbound, type Outbound, OutboundError } from './index.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const served: { handler: Handler; seen: string[] } = { handler: (_request, response) => response.end('ok'), seen: [] };
const server = createServer((request, response) => {
  served.seen.push(`${request.method} ${request.headers.host}${request.url}`);
  served.handler(request, response);
});
let port = 0;
const clients: Outbound[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  port = address.port;
});
afterAll(async () => {
  for (const client of clients) await client.close();
  server.closeAllConnections();
  server.close();
});

function client(options: Parameters<typeof createOutbound>[0] = {}): Outbound {
  const made = createOutbound(options);
  clients.push(made);
  return made;
}
const own = (pathPrefix = '/demo/'): Outbound =>
  client({ allow: [{ origin: `http://127.0.0.1:${port}`, pathPrefix }] });

async function refused(
  outbound: Outbound,
  url: string,
  more: Partial<Parameters<Outbound['send']>[0]> = {},
): Promise<OutboundError> {
  const error = await outbound.send({ method: 'GET', url, ...more }).then(
    (response) => expect.fail(`it answered ${response.status} ${response.text()}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OutboundError)) throw error;
  return error;
}

/** A resolver that gives each name the next list of its answers. */
function resolver(names: Record<string, readonly string[][]>): LookupFunction {
  const asked = new Map<string, number>();
  return (host, _options, callback) => {
    const turn = asked.get(host) ?? 0;
    asked.set(host, turn + 1);
    const answers = names[host] ?? [];
    const list = answers[Math.min(turn, answers.length - 1)] ?? [];
    callback(
      null,
      list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

describe('addresses that are not public', () => {
  test.each([
    'http://127.0.0.1/',
    'http://localhost/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://0/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://100.100.100.200/',
    'http://10.0.0.1/',
    'http://192.168.1.1/',
    'http://172.16.0.1/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://224.0.0.1/',
    'http://198.18.0.1/',
    'http://192.0.2.1/',
    'http://100.64.0.1/',
    'http://255.255.255.255/',
    'http://example.com@127.0.0.1/',
    'http://user:secret@example.com/',
    'http://①②⑦.⓪.⓪.①/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'ftp://example.com/',
    'data:text/plain,hello',
  ])('%s', async (url) => {
    expect((await refused(client(), url)).code).toBe('egress_denied');
  });

  test('what is no URL says so', async () => {
    for (const url of ['', 'nonsense', 'http://', 'http://[fe80::1%25eth0]/', '/relative'])
      expect((await refused(client(), url)).code).toBe('invalid_url');
  });

  test('a name for a private address', async () => {
    const outbound = client({
      lookup: resolver({
        'inside.example': [['10.0.0.7']],
        'alias.example': [['127.0.0.1']],
        'six.example': [['::ffff:10.0.0.1']],
      }),
    });
    for (const host of ['inside.example', 'alias.example', 'six.example'])
      expect((await refused(outbound, `http://${host}/`)).code).toBe('egress_denied');
  });

  test('a name with one public and one private address is refused whole', async () => {
    const outbound = client({ lookup: resolver({ 'both.example': [['93.184.215.14', '127.0.0.1']] }) });
    expect((await refused(outbound, 'http://both.example/')).code).toBe('egress_denied');
  });

  test('a name that changes its answer: each connection is checked', async () => {
    const outbound = client({ lookup: resolver({ 'rebind.example': [['93.184.215.14'], ['127.0.0.1']] }) });
    // the first connection may be tried; whether anybody answers there does not matter here
    await outbound.send({ method: 'GET', url: 'http://rebind.example/', timeoutMs: 100 }).catch(() => undefined);
    expect((await refused(outbound, `http://rebind.example:8080/`)).code).toBe('egress_denied');
  });

  test('ports off the list', async () => {
    expect((await refused(client(), 'http://93.184.215.14:22/')).code).toBe('egress_denied');
    expect((await refused(client(), 'https://93.184.215.14:6379/')).code).toBe('egress_denied');
  });
});

describe('an address for other protocols', () => {
  const code = (outbound: Outbound, host: string, to = 5432): Promise<string> =>
    outbound.resolve(host, to).then(
      (address) => address,
      (error: unknown) => (error instanceof OutboundError ? error.code : String(error)),
    );

  test('is public, and the name is asked once: what it answers next does not matter', async () => {
    const outbound = client({
      lookup: resolver({
        'rebind.example': [['93.184.215.14'], ['127.0.0.1']],
        'both.example': [['93.184.215.14', '127.0.0.1']],
        'six.example': [['::ffff:10.0.0.1']],
      }),
    });
    expect(await code(outbound, 'rebind.example')).toBe('93.184.215.14');
    expect(await code(outbound, 'rebind.example')).toBe('egress_denied');
    for (const host of ['both.example', 'six.example', '127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254'])
      expect(await code(outbound, host), host).toBe('egress_denied');
    expect(await code(outbound, 'nobody.example')).toBe('dns_failed');
  });

  test('numbers that a system takes for an address are judged by what they mean', async () => {
    for (const host of ['2130706433', '0x7f000001', '127.1', 'localhost'])
      expect(['egress_denied', 'dns_failed'], host).toContain(await code(client(), host));
  });

  test('an allowed place is its host and port, and only as a whole', async () => {
    const whole = client({ allow: [{ origin: 'http://127.0.0.1:5432', pathPrefix: '/' }] });
    expect(await code(whole, '127.0.0.1')).toBe('127.0.0.1');
    expect(await code(whole, '127.0.0.1', 5433)).toBe('egress_denied');
    expect(await code(whole, '127.0.0.2')).toBe('egress_denied');
    expect(await code(own('/demo/'), '127.0.0.1', port)).toBe('egress_denied');
  });

  test('what is no host is refused before any lookup', async () => {
    for (const host of ['', '/tmp', 'a b', 'a/b', 'a@b', 'x\r\ny', '[::1]'])
      expect(await code(client(), host), host).toBe('invalid_url');
    for (const to of [0, -1, 65_536, 1.5, Number.NaN])
      expect(await code(client(), 'example.com', to)).toBe('invalid_url');
  });
});

describe('an allowed place', () => {
  test('is its path, not the whole origin', async () => {
    const outbound = own();
    served.handler = (_request, response) => response.end('a page');
    expect((await outbound.send({ method: 'GET', url: `http://127.0.0.1:${port}/demo/cedar/42?x=%2e` })).text()).toBe(
      'a page',
    );
    served.seen.length = 0;
    const tricks = [
      '/',
      '/api',
      '/demo',
      '/demolition',
      '/demo/../api',
      '/demo/%2e%2e/api',
      '/demo/.%2e/api',
      '/demo/..%2fapi',
      '/demo/%252e%252e/api',
      '/demo/..\\api',
      '/demo\\..\\api',
      '/demo/x/%2e%2e/%2E%2E/api',
      '//demo/',
      '/demo//../../api',
      '/demo//x',
      '/DEMO/x',
    ];
    for (const path of tricks)
      expect((await refused(outbound, `http://127.0.0.1:${port}${path}`)).code, path).toBe('egress_denied');
    expect(served.seen).toEqual([]);
  });

  test('does not open other names and ports of this machine', async () => {
    for (const url of [
      `http://localhost:${port}/demo/x`,
      `http://127.0.0.2:${port}/demo/x`,
      `https://127.0.0.1:${port}/demo/x`,
      `http://[::1]:${port}/demo/x`,
      'http://127.0.0.1/demo/x',
    ]) {
      expect((await refused(own(), url)).code, url).toBe('egress_denied');
    }
  });

  test('a redirect is checked like the first address', async () => {
    const outbound = own();
    for (const to of [
      '/api/runs',
      '../api',
      'http://169.254.169.254/latest/',
      `http://localhost:${port}/demo/x`,
      'file:///etc/passwd',
      '//127.0.0.1/x',
    ]) {
      served.handler = (_request, response) => void response.writeHead(302, { location: to }).end();
      served.seen.length = 0;
      expect((await refused(outbound, `http://127.0.0.1:${port}/demo/x`)).code, to).toBe('egress_denied');
      expect(served.seen).toHaveLength(1);
    }
  });

  test('a host header of the caller is not sent', async () => {
    served.handler = (request, response) => response.end(request.headers.host);
    expect(
      (
        await own().send({ method: 'GET', url: `http://127.0.0.1:${port}/demo/x`, headers: { Host: 'other.example' } })
      ).text(),
    ).toBe(`127.0.0.1:${port}`);
  });
});

describe('redirects', () => {
  test('five are followed, the sixth is not', async () => {
    served.handler = (request, response) => {
      const n = Number(request.url?.split('/').at(-1));
      if (n === 0) response.end('there');
      else response.writeHead(307, { location: `/demo/${n - 1}` }).end();
    };
    expect((await own().send({ method: 'GET', url: `http://127.0.0.1:${port}/demo/5` })).url).toBe(
      `http://127.0.0.1:${port}/demo/0`,
    );
    expect((await refused(own(), `http://127.0.0.1:${port}/demo/6`)).code).toBe('too_many_redirects');
  });

  test('credentials do not cross to another origin, and a POST goes on as GET', async () => {
    const outbound = client({
      allow: [
        { origin: `http://127.0.0.1:${port}`, pathPrefix: '/' },
        { origin: `http://localhost:${port}`, pathPrefix: '/' },
      ],
    });
    const echo: { last: IncomingMessage | null } = { last: null };
    served.handler = (request, response) => {
      echo.last = request;
      if (request.headers.host?.startsWith('127'))
        response.writeHead(302, { location: `http://localhost:${port}/end` }).end();
      else response.end('end');
    };
    const headers = {
      authorization: 'Bearer x',
      Cookie: 'a=b',
      'x-api-key': 'k',
      accept: 'text/plain',
      'content-type': 'text/plain',
    };
    await outbound.send({ method: 'POST', url: `http://127.0.0.1:${port}/`, headers, body: 'data' });
    expect(echo.last?.method).toBe('GET');
    const sent = echo.last?.headers ?? {};
    expect([sent.authorization, sent.cookie, sent['x-api-key'], sent['content-type'], sent['content-length']]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(sent.accept).toBe('text/plain');
  });
});

describe('limits', () => {
  const page = (): string => `http://127.0.0.1:${port}/demo/x`;

  test.each(['gzip', 'br', 'identity'])('a %s body is decoded', async (encoding) => {
    const text = 'Grüße '.repeat(100);
    const bodies: Record<string, Uint8Array> = {
      gzip: gzipSync(text),
      br: brotliCompressSync(text),
      identity: Buffer.from(text),
    };
    served.handler = (_request, response) =>
      void response
        .writeHead(200, { 'content-encoding': encoding, 'content-type': 'text/plain; charset=utf-8' })
        .end(bodies[encoding]);
    expect((await own().send({ method: 'GET', url: page() })).text()).toBe(text);
  });

  test('the charset of the content type is kept to', async () => {
    served.handler = (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1' })
        .end(Buffer.from('Gr\xfc\xdfe', 'latin1'));
    expect((await own().send({ method: 'GET', url: page() })).text()).toBe('Grüße');
  });

  test('a decompression bomb stops at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    served.handler = (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    expect((await refused(own(), page(), { maxBytes: 200_000 })).code).toBe('too_large');
  });

  test('three codings, an unknown one, or a lie about one are refused', async () => {
    for (const encoding of ['gzip, gzip, gzip', 'zstd-ish', 'gzip']) {
      served.handler = (_request, response) =>
        void response.writeHead(200, { 'content-encoding': encoding }).end('plain');
      expect((await refused(own(), page())).code, encoding).toBe('bad_response');
    }
  });

  test('an endless body is too large, a slow one is late', async () => {
    served.handler = (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    };
    expect((await refused(own(), page(), { maxBytes: 1_000_000 })).code).toBe('too_large');
    served.handler = (_request, response) => void response.write('begun');
    expect((await refused(own(), page(), { timeoutMs: 150 })).code).toBe('timeout');
    served.handler = () => undefined;
    expect((await refused(own(), page(), { timeoutMs: 150 })).code).toBe('timeout');
  });

  test('an abort of the caller', async () => {
    served.handler = () => undefined;
    const stop = new AbortController();
    const end = refused(own(), page(), { signal: stop.signal });
    stop.abort();
    expect((await end).code).toBe('aborted');
  });

  test('nobody there, and a connection that breaks, may come back', async () => {
    const nobody = client({ allow: [{ origin: 'http://127.0.0.1:1', pathPrefix: '/' }] });
    const error = await refused(nobody, 'http://127.0.0.1:1/');
    expect([error.code, error.retryable]).toEqual(['connect_failed', true]);
    served.handler = (request) => void request.socket.destroy();
    const broken = await refused(own(), page());
    expect([broken.code, broken.retryable]).toEqual(['connect_failed', true]);
  });

  test('a name that does not exist', async () => {
    const lookup: LookupFunction = (host, _options, callback) =>
      callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }), '', 0);
    expect((await refused(client({ lookup }), 'http://no.example/')).code).toBe('dns_failed');
  });
});
