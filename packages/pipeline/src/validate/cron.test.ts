import { describe, expect, it } from 'vitest';
import { cronProblem } from './cron.ts';

describe('cron', () => {
  it.each([
    '* * * * *',
    '*/15 0-6 1,15 jan-mar mon-fri',
    '0 0 9 * * 1-5',
    '5 4 * * SUN',
    '0 0 31 12 7',
    '0-30/10 * * * *',
  ])('knows %s', (text) => {
    expect(cronProblem(text)).toBeNull();
  });

  it.each([
    '',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    '5-1 * * * *',
    'a * * * *',
    '1,,2 * * * *',
    '* * * * mondy-',
    '1/2/3 * * * *',
    '-1 * * * *',
  ])('refuses "%s"', (text) => {
    expect(cronProblem(text)).not.toBeNull();
  });
});
