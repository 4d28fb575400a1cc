import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.publish('taken', taking('taken', {}));
  await server.publish('large', taking('large', { maxBytes: 24 * 1024 * 1024 }));
});
afterAll(() => server.close());

/** A webhook whose runs nobody works on: what came in is read from the journal. */
const taking = (token: string, config: object) =>
  draw({
    nodes: [
      JSON.parse(JSON.stringify({ id: 'hook', type: 'trigger.webhook', config: { token, ...config } })),
      { id: 'act', type: 'code', config: { code: 'return input', input: '{{ run.input.body }}' } },
    ],
    edges: ['hook > act'],
  });

type Sending = {
  readonly type?: string;
  readonly body: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly path?: string;
};
/** Sends it, and answers the input that the journal has of the run. */
async function sent({ type, body, headers = {}, path = '/hooks/taken' }: Sending) {
  const answer = await server.ask('POST', path, {
    body,
    headers: { ...(type === undefined ? {} : { 'content-type': type }), ...headers },
  });
  if (answer.status !== 202) return { status: answer.status, code: answer.json?.error?.code };
  const { json } = await server.ask('GET', `/api/runs/${answer.json.runId}/events`);
  const { input } = json.events[0].data;
  const blob = async (sha256: string) => server.ask('GET', `/api/blobs/${sha256}?run=${answer.json.runId}`);
  const value = 'inline' in input ? input.inline : JSON.parse((await blob(input.blob.sha256)).text);
  return { status: 202, runId: answer.json.runId, input: value, blob };
}

const multipart = (parts: readonly string[], boundary = 'b0undary'): Sending => ({
  type: `multipart/form-data; boundary=${boundary}`,
  body: `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`,
});

describe('bodies of webhooks', () => {
  it.each([
    ['W3', 'application/cloudevents+json; charset=utf-8', '{"a":[1],"ü":"ä"}', { a: [1], ü: 'ä' }],
    ['W3', 'application/json; charset=utf-16le', Buffer.from('{"a":"ü"}', 'utf16le'), { a: 'ü' }],
    ['W3', 'application/vnd.api+json;charset="ISO-8859-1"', Buffer.from('{"a":"ü"}', 'latin1'), { a: 'ü' }],
    ['W5', 'application/x-www-form-urlencoded; charset=utf-8', 'a=1&b=x%20y&a=2', { a: ['1', '2'], b: 'x y' }],
    ['W5', 'APPLICATION/X-WWW-FORM-URLENCODED;foo=bar', 'a=%C3%BC', { a: 'ü' }],
    ['text', 'text/plain; charset=utf-8', 'plain ü', 'plain ü'],
    ['xml', 'application/atom+xml', '<a>1</a>', '<a>1</a>'],
    [
      'binary',
      'application/octet-stream',
      Buffer.from([0, 255, 1]),
      { base64: 'AP8B', mediaType: 'application/octet-stream' },
    ],
    ['no type', undefined, '{"a":1}', { a: 1 }],
    ['nothing', 'application/json', '', null],
  ])('%s: %s is read as what it is', async (_, type, body, expected) => {
    expect((await sent({ ...(type === undefined ? {} : { type }), body })).input?.body).toEqual(expected);
  });

  it('W2: one webhook takes a JSON post and an upload, each by its own type', async () => {
    expect((await sent({ type: 'application/json', body: '{"n":1}' })).input).toMatchObject({
      body: { n: 1 },
      files: [],
    });
    const file =
      'content-disposition: form-data; name="photo"; filename="p.png"\r\ncontent-type: image/png\r\n\r\n\x89PNG';
    const upload = await sent(multipart(['content-disposition: form-data; name="n"\r\n\r\n1', file]));
    const bytes = Buffer.from('\x89PNG');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(upload.input).toMatchObject({
      body: { n: '1' },
      files: [{ field: 'photo', name: 'p.png', mediaType: 'image/png', bytes: bytes.length, sha256 }],
    });
    expect((await upload.blob?.(sha256))?.headers['x-media-type']).toBe('image/png');
    expect((await sent({ type: 'application/json', body: '{"n":2}' })).input?.body).toEqual({ n: 2 });
  });

  it('gzip is unpacked, within the limit of what comes out', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    expect((await sent({ type: 'application/json', body: gzipSync('{"n":1}'), headers: gzip })).input?.body).toEqual({
      n: 1,
    });
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(300_000);
    expect(await sent({ type: 'application/json', body: bomb, headers: gzip })).toEqual({
      status: 413,
      code: 'body_too_large',
    });
  });

  it('W7: 20 MB of JSON are refused in words, or kept by reference where the webhook takes them', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(20_000_000) });
    expect(await sent({ type: 'application/json', body })).toEqual({ status: 413, code: 'body_too_large' });
    const kept = await sent({ type: 'application/json', body, path: '/hooks/large' });
    const sha256 = createHash('sha256').update(body).digest('hex');
    expect(kept.input?.body).toEqual({ sha256, bytes: body.length, mediaType: 'application/json' });
    expect((await kept.blob?.(sha256))?.text.length).toBe(body.length);
  });

  it('abuse 3: a path in JSON is data, and no file is read', async () => {
    const body = { files: { x: { filepath: '/etc/passwd', path: '/etc/passwd' } } };
    const { input } = await sent({ type: 'application/json', body: JSON.stringify(body) });
    expect(input).toMatchObject({ body, files: [] });
    expect(JSON.stringify(input)).not.toContain('root:');
    const named = multipart(['content-disposition: form-data; name="f"; filename="../../etc/passwd"\r\n\r\ndata']);
    expect((await sent(named)).input?.files[0]).toMatchObject({ field: 'f', bytes: 4 });
  });

  it.each<[string, Sending, number, string]>([
    ['65 levels', { body: `${'['.repeat(66)}1${']'.repeat(66)}` }, 400, 'json_too_deep'],
    ['20,000 levels that parse', { body: `${'['.repeat(20_000)}${']'.repeat(20_000)}` }, 400, 'json_too_deep'],
    [
      '10⁵ keys',
      { body: `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}` },
      400,
      'json_too_large',
    ],
    ['__proto__', { body: '{"__proto__":{"polluted":1}}' }, 400, 'forbidden_key'],
    ['constructor.prototype', { body: '{"constructor":{"prototype":{"polluted":1}}}' }, 400, 'forbidden_key'],
    ['half of it', { body: '{"a":' }, 400, 'invalid_json'],
    [
      '10⁵ form fields',
      { type: 'application/x-www-form-urlencoded', body: 'a=1&'.repeat(100_000) },
      413,
      'too_many_fields',
    ],
    ['__proto__ in a form', { type: 'application/x-www-form-urlencoded', body: '__proto__=1' }, 400, 'forbidden_key'],
    [
      '2,000 parts',
      multipart(Array.from({ length: 2_000 }, (_, i) => `content-disposition: form-data; name="k${i}"\r\n\r\n1`)),
      413,
      'too_many_fields',
    ],
    [
      '__proto__ in a part',
      multipart(['content-disposition: form-data; name="__proto__"\r\n\r\n1']),
      400,
      'forbidden_key',
    ],
    ['no boundary', { type: 'multipart/form-data', body: 'x' }, 400, 'invalid_form'],
    ['a cut form', { type: 'multipart/form-data; boundary=b', body: '--b\r\ncontent-dis' }, 400, 'invalid_form'],
    ['16 MiB and a byte', { body: Buffer.alloc(16 * 1024 * 1024 + 1, 32) }, 413, 'body_too_large'],
    ['a charset of nobody', { type: 'application/json; charset=klingon', body: '{}' }, 415, 'charset_unsupported'],
  ])('abuse 16: %s', async (_, sending, status, code) => {
    expect(await sent({ type: 'application/json', ...sending })).toEqual({ status, code });
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect((await sent({ type: 'application/json', body: '{"constructor":{"name":"McLaren"}}' })).status).toBe(202);
  });
});
