import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

/** The hex tokens of one theme's block. */
function tokens(selector: string): Map<string, string> {
  const start = css.indexOf(selector);
  const block = css.slice(start, css.indexOf('}', start));
  return new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1] ?? '', match[2] ?? '']));
}

/** Relative luminance, WCAG 2.2. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const TEXTS = ['text', 'muted', 'accent', 'queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'agent'];

describe('tokens', () => {
  it.each([':root {', ':root[data-theme='])('have a contrast of 4.5:1 in %s', (selector) => {
    const theme = tokens(selector);
    const pairs = [
      ...TEXTS.flatMap((text) => [
        [text, 'surface'],
        [text, 'bg'],
      ]),
      ['on-accent', 'accent'],
      ['text', 'accent-soft'],
      ['text', 'waiting-soft'],
      ['failed', 'failed-soft'],
    ];
    for (const [text = '', ground = ''] of pairs) {
      const [a, b] = [theme.get(text), theme.get(ground)];
      if (a === undefined || b === undefined) throw new Error(`no token ${text} or ${ground}`);
      expect(contrast(a, b), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });
});
