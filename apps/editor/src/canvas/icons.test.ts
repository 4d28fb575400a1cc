import { NODE_TYPES } from '@switchyard/pipeline';
import { expect, it } from 'vitest';
import { ICONS } from './icons.tsx';

it.each(Object.values(NODE_TYPES))('$id has the icon that it names', ({ icon }) => {
  expect(Object.hasOwn(ICONS, icon), icon).toBe(true);
});
