import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { mergeBytePairs } from './byte-pairs.ts';
import { splitWords } from './split.ts';
import { TextStream, Tokenizer } from './tokenizer.ts';
import { readPieces, TokenizerRefused } from './vocabulary.ts';

const pocket = Tokenizer.load(fileURLToPath(new URL('../models/pocket', import.meta.url)));
const familyFile = fileURLToPath(new URL('../../../shared/data/kimi/tiktoken.model', import.meta.url));

/** Encodings of the family's 163,584-entry vocabulary, from its published tokenizer. */
const GOLDEN: readonly (readonly [string, readonly number[]])[] = [
  ['Hello, world!', [19180, 11, 2695, 0]],
  ['你好，世界', [33845, 378, 2243]],
  ['Hello 世界123456', [19180, 220, 2243, 6694, 12972]],
  ["I'm can't WE'LL", [17172, 8971, 40893, 6, 5847]],
  ['  leading\n\n\ttabs  ', [220, 8134, 382, 5604, 5609, 256]],
  ['def f(x):\n    return x**2\n', [1166, 285, 3940, 2360, 274, 745, 1288, 381, 17, 198]],
  ['😀👍🏽 naïve café', [134750, 222, 64390, 235, 92949, 121, 7915, 44187, 367, 70591]],
  ['1234567', [6694, 12972, 22]],
  ['ＡＢＣ日本語テキスト한국어', [320, 94, 320, 95, 320, 96, 4546, 63011, 25875, 32045, 33360, 17079, 54078, 28763]],
  ['functions.get_weather:0', [41937, 1150, 21055, 2800, 25, 15]],
  ['   ', [274]],
  ['\r\n\r\n', [2298]],
  ['HTTPServerError', [88148, 4022, 2544]],
  ['don’t', [22676, 1639]],
  ['Hello, how are you?', [19180, 11, 1632, 554, 398, 30]],
  ['<|im_end|>', [27, 91, 348, 11129, 91, 29]],
];

/** Of that vocabulary, the entries a merge can meet in these texts: byte pairs only ever join into parts of a word. */
const excerpt = z
  .object({ entries: z.array(z.string()) })
  .parse(JSON.parse(readFileSync(new URL('./family-ranks.json', import.meta.url), 'utf8')));
const excerptRanks = new Map(
  excerpt.entries.map((line) => {
    const [piece = '', rank] = line.split(' ');
    return [Buffer.from(piece, 'base64').toString('latin1'), Number(rank)] as const;
  }),
);

describe('golden encodings', () => {
  it.each(GOLDEN)('%j', (text, ids) => {
    expect(
      splitWords(text).flatMap((word) => mergeBytePairs(Buffer.from(word).toString('latin1'), excerptRanks)),
    ).toEqual(ids);
  });

  // The whole vocabulary (2.8 MB) is not part of this repository; where it lies beside the checkout, it must say the same.
  if (existsSync(familyFile)) {
    it('the whole vocabulary says the same', () => {
      const { rankByPiece } = readPieces(readFileSync(familyFile, 'utf8'));
      expect(rankByPiece.size).toBe(163_584);
      for (const [text, ids] of GOLDEN)
        expect(
          splitWords(text).flatMap((word) => mergeBytePairs(Buffer.from(word).toString('latin1'), rankByPiece)),
        ).toEqual(ids);
      expect([...excerptRanks].every(([piece, rank]) => rankByPiece.get(piece) === rank)).toBe(true);
    });
  }
});

describe('split', () => {
  it.each([
    "Don't STOP  now\n\n x",
    '日本語とEnglish 12345',
    '\t\ta   ',
    '',
    '🙂🙂',
    'a'.repeat(60_000),
    `${'x '.repeat(20_000)}`,
  ])('loses nothing (case %#)', (text) => {
    expect(splitWords(text).join('')).toBe(text);
  });

  it('cuts runs over 25,000 characters as the reference does', () => {
    expect(splitWords('a'.repeat(60_000)).map((word) => word.length)).toEqual([25_000, 25_000, 10_000]);
  });
});

describe('byte pairs', () => {
  const { rankByPiece } = readPieces(
    ['a', 'b', 'c', 'bc', 'ab', 'abc', 'aa']
      .map((piece, rank) => `${Buffer.from(piece).toString('base64')} ${rank}`)
      .join('\n'),
  );

  it('joins the pair of lowest rank first', () => {
    expect(mergeBytePairs('cabc', rankByPiece)).toEqual([2, 5]); // bc, then a+bc = abc
  });

  it('joins the leftmost of equal pairs', () => {
    expect(mergeBytePairs('aaa', rankByPiece)).toEqual([6, 0]);
  });

  it('gives the whole word its own id', () => {
    expect(mergeBytePairs('ab', rankByPiece)).toEqual([4]);
  });
});

describe('tokenizer', () => {
  it('never turns text into control ids', () => {
    const ids = pocket.encode('<|im_end|><think></think><|tool_calls_section_begin|>[EOS]');
    expect(ids.every((id) => id < pocket.vocabulary.pieces.length)).toBe(true);
    expect(Buffer.concat(ids.map((id) => pocket.bytes(id))).toString()).toContain('<|im_end|>');
  });

  it('turns control segments into exactly one id, and refuses unknown ones', () => {
    expect(pocket.encodeSegments([{ kind: 'control', text: '<think>' }])).toEqual([pocket.vocabulary.control.think]);
    expect(() => pocket.encodeSegments([{ kind: 'control', text: '<|nothing|>' }])).toThrow(RangeError);
  });

  it('gives control ids no bytes', () => {
    expect(pocket.bytes(pocket.vocabulary.control.callBegin)).toHaveLength(0);
  });

  it('refuses ranks out of order', () => {
    expect(() => readPieces('YQ== 0\nYg== 2\n')).toThrow(TokenizerRefused);
  });
});

describe('text stream', () => {
  it('holds back unfinished characters', () => {
    const stream = new TextStream();
    const bytes = Buffer.from('é😀');
    expect([...bytes].map((byte) => stream.push(Uint8Array.of(byte)))).toEqual(['', 'é', '', '', '', '😀']);
    expect(stream.end()).toBe('');
  });

  it('replaces a character that never came whole', () => {
    const stream = new TextStream();
    expect(stream.push(Uint8Array.of(0x61, 0xf0, 0x9f))).toBe('a');
    expect(stream.end()).toBe('\uFFFD');
  });
});
