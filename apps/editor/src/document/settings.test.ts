import { PipelineDocument } from '@switchyard/pipeline';
import { expect, it } from 'vitest';
import { DEFAULT_SETTINGS, settingsOf, withSetting } from './settings.ts';

const empty = PipelineDocument.parse({});

it('a setting stands in the document and the others keep their defaults', () => {
  const limited = withSetting(empty, 'concurrency', { max: 2, key: 'run.input.customer' });
  expect(settingsOf(limited)).toEqual({ ...DEFAULT_SETTINGS, concurrency: { max: 2, key: 'run.input.customer' } });
  expect(PipelineDocument.parse(limited)).toEqual(limited);
});

it('a document whose settings are all defaults again is the one it was', () => {
  const limited = withSetting(withSetting(empty, 'rate', { max: 5, perSeconds: 60 }), 'keepDays', null);
  const back = withSetting(withSetting(limited, 'rate', undefined), 'keepDays', undefined);
  expect(limited.settings).toMatchObject({ rate: { max: 5, perSeconds: 60 }, keepDays: null });
  expect(back).toEqual(empty);
  expect('settings' in back).toBe(false);
});

it('a value out of bounds is refused before it reaches the draft', () => {
  expect(() => withSetting(empty, 'queueMax', 0)).toThrow();
});
