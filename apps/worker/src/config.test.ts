import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const DATABASE_URL = 'postgres://localhost/x';

test('the defaults of the product', () => {
  expect(readConfig({ DATABASE_URL })).toMatchObject({
    redisUrl: undefined,
    fastPath: true,
    concurrency: 16,
    metrics: false,
    allow: [{ origin: 'http://127.0.0.1:7070', pathPrefix: '/demo/' }],
  });
});

test('of the product’s own origin only its demo pages are allowed, by each of its names', () => {
  const { allow } = readConfig({
    DATABASE_URL,
    SWITCHYARD_HOST: '0.0.0.0',
    SWITCHYARD_PORT: '8080',
    SWITCHYARD_PUBLIC_URL: 'https://sy.example.com/x',
    SWITCHYARD_ALLOW_ORIGINS: 'http://10.0.0.5:81, http://b',
  });
  expect(allow).toEqual([
    { origin: 'http://127.0.0.1:8080', pathPrefix: '/demo/' },
    { origin: 'https://sy.example.com', pathPrefix: '/demo/' },
    { origin: 'http://10.0.0.5:81', pathPrefix: '/' },
    { origin: 'http://b', pathPrefix: '/' },
  ]);
});

test('an empty variable is none', () => {
  expect(readConfig({ DATABASE_URL, REDIS_URL: '', SWITCHYARD_SECRET_KEY: '' }).redisUrl).toBeUndefined();
});

test('a key is 32 bytes, as hex or base64', () => {
  expect(readConfig({ DATABASE_URL, SWITCHYARD_SECRET_KEY: 'ab'.repeat(32) }).secretKey?.length).toBe(32);
  expect(
    readConfig({ DATABASE_URL, SWITCHYARD_SECRET_KEY: Buffer.alloc(32, 1).toString('base64') }).secretKey?.length,
  ).toBe(32);
  expect(() => readConfig({ DATABASE_URL, SWITCHYARD_SECRET_KEY: 'short' })).toThrow(/SWITCHYARD_SECRET_KEY: 32 bytes/);
});

test('every variable that does not fit is named', () => {
  expect(() => readConfig({ SWITCHYARD_CONCURRENCY: '0', SWITCHYARD_FAST_PATH: 'maybe' })).toThrow(
    /DATABASE_URL.*SWITCHYARD_FAST_PATH.*SWITCHYARD_CONCURRENCY/,
  );
});
