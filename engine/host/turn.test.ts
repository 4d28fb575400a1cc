import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { StopText } from './stop-text.ts';
import { Tokenizer } from './tokenizer.ts';
import { type CallRule, TurnGrammar } from './turn-grammar.ts';
import { type TurnEvent, TurnParser } from './turn-parser.ts';

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../models/pocket', import.meta.url)));
const { controlByText } = tokenizer.vocabulary;
const SHORT: Readonly<Record<string, string>> = {
  S: '<|tool_calls_section_begin|>',
  Z: '<|tool_calls_section_end|>',
  B: '<|tool_call_begin|>',
  A: '<|tool_call_argument_begin|>',
  E: '<|tool_call_end|>',
  T: '<think>',
  N: '</think>',
  X: '<|im_end|>',
};

/** Ids of a feed: «S» and the like are control tokens, all else is text, cut into `size` bytes a token (0: as the tokenizer does). */
function feed(text: string, size = 0): readonly number[] {
  return text.split(/«(\w)»/).flatMap((part, i) => {
    if (i % 2 === 1) return [controlByText.get(SHORT[part]) ?? -1];
    return size === 0
      ? tokenizer.encode(part)
      : [...Buffer.from(part)].map((byte) => tokenizer.encode(String.fromCharCode(byte))[0] ?? byte);
  });
}

type Read = {
  reasoning: string;
  content: string;
  calls: { id: string; name: string; arguments: string; whole: boolean }[];
  malformed: string[];
};

function read(ids: readonly number[], names: readonly string[], nextIndex = 0): Read {
  const parser = new TurnParser(tokenizer, { names, nextIndex });
  const out: Read = { reasoning: '', content: '', calls: [], malformed: [] };
  const take = (event: TurnEvent): void => {
    if (event.kind === 'reasoning') out.reasoning += event.text;
    if (event.kind === 'content') out.content += event.text;
    if (event.kind === 'call') out.calls.push({ id: event.id, name: event.name, arguments: '', whole: false });
    if (event.kind === 'arguments') out.calls[event.index].arguments += event.text;
    if (event.kind === 'call-end') out.calls[event.index].whole = true;
    if (event.kind === 'malformed-call') out.malformed.push(event.id);
  };
  for (const id of ids) parser.push(id).forEach(take);
  parser.end().forEach(take);
  return out;
}

const call = (id: string, name: string, args: string, whole = true) => ({ id, name, arguments: args, whole });

/** Public bug reports of other engines as input, and what is right. */
const CASES: readonly {
  readonly what: string;
  readonly text: string;
  readonly names?: readonly string[];
  readonly expected: Partial<Read>;
}[] = [
  {
    what: 'two calls back to back',
    text: '«T»go«N»«S»«B»functions.get_weather:0«A»{"lat":34}«E»«B»functions.get_news:1«A»{"q":"a"}«E»«Z»«X»',
    expected: {
      reasoning: 'go',
      content: '',
      calls: [
        call('functions.get_weather:0', 'get_weather', '{"lat":34}'),
        call('functions.get_news:1', 'get_news', '{"q":"a"}'),
      ],
    },
  },
  {
    what: 'section opens while still thinking; a later end of thought is swallowed',
    text: '«T»hm«S»«B»functions.get_news:0«A»{}«E»«Z»«N»rest',
    expected: { reasoning: 'hm', content: '', calls: [call('functions.get_news:0', 'get_news', '{}')] },
  },
  {
    what: 'only the id closes a thought, not its spelling',
    text: '«T»strip </think> and <|im_end|>«N»ok',
    expected: { reasoning: 'strip </think> and <|im_end|>', content: 'ok' },
  },
  { what: '< inside a thought', text: '«T»if a < b«N»yes', expected: { reasoning: 'if a < b', content: 'yes' } },
  {
    what: 'content before the section; text between markers and after the end is dropped',
    text: 'Look.«S»noise«B»functions.get_news:0«A»{}«E»noise«Z»noise',
    expected: { content: 'Look.', calls: [call('functions.get_news:0', 'get_news', '{}')] },
  },
  {
    what: 'no end of thought: all is thought',
    text: '«T»still going',
    expected: { reasoning: 'still going', content: '' },
  },
  { what: 'empty section', text: '«T»a«N»«S»«Z»«X»', expected: { content: '', calls: [], malformed: [] } },
  {
    what: 'empty arguments become an object',
    text: '«S»«B»functions.get_news:0«A»«E»«Z»',
    expected: { calls: [call('functions.get_news:0', 'get_news', '{}')] },
  },
  {
    what: 'white space around id and arguments',
    text: '«S»«B» functions.get_news:0 «A»  {"a": 1}\n «E»«Z»',
    expected: { calls: [call('functions.get_news:0', 'get_news', '{"a": 1}')] },
  },
  {
    what: 'cut inside the arguments',
    text: '«S»«B»functions.get_news:0«A»{"a',
    expected: { calls: [call('functions.get_news:0', 'get_news', '{"a', false)] },
  },
  {
    what: 'an id without dot and colon',
    text: '«S»«B»functionsexec5«A»{"cmd":"ls"}«E»«Z»',
    names: ['exec', 'ex'],
    expected: { calls: [call('functions.exec:4', 'exec', '{"cmd":"ls"}')] },
  },
  {
    what: 'a bare number with one tool',
    text: '«S»«B»call00003«A»{"path":"a"}«E»«Z»',
    names: ['read'],
    expected: { calls: [call('functions.read:4', 'read', '{"path":"a"}')] },
  },
  {
    what: 'a bare number with two tools is no call',
    text: '«S»«B»3«A»{"path":"a"}«E»«Z»',
    names: ['read', 'write'],
    expected: { calls: [], malformed: ['3'] },
  },
  {
    what: 'an id split on the colon only',
    text: '«S»«B»search:2«A»{}«E»«Z»',
    names: ['search'],
    expected: { calls: [call('functions.search:4', 'search', '{}')] },
  },
  {
    what: 'markup instead of an id does not crash',
    text: '«S»«B»functions<read«E»«B»functions.list\n<path«A»{}«E»«Z»',
    names: ['read', 'list'],
    expected: { calls: [], malformed: ['functions<read', 'functions.list\n<path'] },
  },
  {
    what: 'an undeclared tool is no call',
    text: '«S»«B»functions.rm:0«A»{}«E»«B»functions.get_news:1«A»{}«E»«Z»',
    expected: { malformed: ['functions.rm:0'], calls: [call('functions.get_news:1', 'get_news', '{}')] },
  },
  {
    what: 'names with dots, dashes and digits',
    text: '«S»«B»functions.a.b-c_2:12«A»{}«E»«Z»',
    names: ['a.b-c_2', 'a'],
    expected: { calls: [call('functions.a.b-c_2:12', 'a.b-c_2', '{}')] },
  },
];

describe('turn parser', () => {
  it.each(CASES)('$what', ({ text, names = ['get_weather', 'get_news'], expected }) => {
    expect(read(feed(text), names, 4)).toMatchObject(expected);
    expect(read(feed(text, 1), names, 4)).toEqual(read(feed(text), names, 4)); // one byte a token: the grouping changes nothing
  });

  it('keeps 50,000 characters of arguments byte for byte', () => {
    const args = JSON.stringify({ text: 'añ "x" '.repeat(6_000) });
    expect(read(feed(`«S»«B»functions.f:0«A»${args}«E»«Z»`), ['f']).calls[0].arguments).toBe(args);
  });

  it('never shows a marker', () => {
    const everything = Object.keys(SHORT)
      .map((key) => `x«${key}»y`)
      .join('');
    const { reasoning, content, calls } = read(feed(`${everything}${everything}`), ['f']);
    expect(JSON.stringify([reasoning, content, calls])).not.toMatch(/<\||think>/);
  });
});

describe('turn grammar', () => {
  const rule: CallRule = { names: ['read', 'write'], nextIndex: 159, required: false, parallel: true };
  const stops = new Set(feed('«X»'));
  const after = (text: string, change: Partial<CallRule> = {}) => {
    const grammar = new TurnGrammar(tokenizer, { ...rule, ...change }, stops);
    for (const id of feed(text)) grammar.accept(id);
    const allowed = grammar.allowed();
    return Array.from({ length: 2048 }, (_, id) => id).filter((id) => allowed === null || allowed(id));
  };
  const has = (ids: readonly number[], text: string): boolean => ids.includes(feed(text)[0]);

  it('forces a call id to its next index, token by token', () => {
    const id = tokenizer.encode('functions.write:159');
    let text = '«T»x«N»«S»«B»';
    expect(after('«S»')).toEqual(feed('«B»'));
    for (const token of id) {
      expect(after(text)).toContain(token);
      text += Buffer.from(tokenizer.bytes(token)).toString();
    }
    expect(after('«S»«B»functions.write:159')).toEqual(feed('«A»'));
    expect(after('«S»«B»functions.write:')).toEqual([tokenizer.encode('159')[0]]);
  });

  it('counts on within a turn', () => {
    expect(after('«S»«B»functions.read:159«A»{}«E»«B»functions.read:160')).toEqual(feed('«A»'));
  });

  it('lets arguments end only by the end of the call', () => {
    const ids = after('«S»«B»functions.read:159«A»{');
    expect([has(ids, '«E»'), has(ids, '«X»'), has(ids, '«Z»'), has(ids, 'a')]).toEqual([true, false, false, true]);
  });

  it('after the section only a stop id may follow', () => {
    expect(after('«S»«B»functions.read:159«A»{}«E»«Z»')).toEqual(feed('«X»'));
  });

  it('without tools no section can open', () => {
    expect(has(after('«T»x«N»', { names: [] }), '«S»')).toBe(false);
    expect(has(after('«T»x', { names: [] }), '«S»')).toBe(false);
    expect(has(after('«T»x«N»'), '«S»')).toBe(true);
  });

  it('required: thinks if it likes, then calls', () => {
    expect(has(after('«T»x', { required: true }), '«X»')).toBe(false);
    expect(after('«T»x«N»', { required: true })).toEqual(feed('«S»'));
  });

  it('one call only where parallel calls are off', () => {
    expect(after('«S»«B»functions.read:159«A»{}«E»', { parallel: false })).toEqual(feed('«Z»'));
  });
});

describe('stop texts', () => {
  const run = (pieces: readonly string[], stops: readonly string[]): string => {
    const stop = new StopText(stops);
    let out = '';
    for (const piece of pieces) {
      const { text, hit } = stop.push(piece);
      out += text;
      if (hit) return `${out}|`;
    }
    return out + stop.flush();
  };

  it('does not leak a stop text that comes in pieces', () => {
    expect(run([...'ABCDEFGHIJ'], ['DEFGHIJ'])).toBe('ABC|');
  });

  it('gives back what only looked like one', () => {
    expect(run([...'ABCDEFX'], ['DEFGHIJ'])).toBe('ABCDEFX');
    expect(run([...'AAB'], ['AAAB'])).toBe('AAB');
  });

  it('ends at the earliest of several', () => {
    expect(run(['one two three'], ['three', 'two'])).toBe('one |');
  });
});
