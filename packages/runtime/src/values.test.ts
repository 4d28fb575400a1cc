import { packText } from '@switchyard/journal';
import { expect, test } from 'vitest';
import { ValueReader } from './values.ts';

const MIB = 1024 * 1024;
const packed = (letter: string, bytes: number) => {
  const { stored, blob } = packText(letter.repeat(bytes));
  if (blob === null) throw new Error('too small for a blob');
  return { stored, blob };
};

test('what an append under way holds can be read before it is written, however much that is', async () => {
  const values = new ValueReader({ blob: async () => null });
  const held = [...'abcdefgh'].map((letter) => packed(letter, 5 * MIB));
  for (const { blob } of held) values.remember(blob);
  for (const { stored, blob } of held) expect(await values.text(stored)).toBe(blob.bytes.toString());
});

test('a value larger than the cache is read from the journal once', async () => {
  const { stored, blob } = packed('x', 20 * MIB);
  let asked = 0;
  const values = new ValueReader({
    blob: async () => {
      asked += 1;
      return blob.bytes;
    },
  });
  for (let i = 0; i < 3; i++) await values.text(stored);
  expect(asked).toBe(1);
});
