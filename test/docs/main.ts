import { readFileSync, writeFileSync } from 'node:fs';
import { MADE_PARTS, withMade } from './tables.ts';

for (const { path, make } of MADE_PARTS) {
  writeFileSync(path, withMade(readFileSync(path, 'utf8'), make()));
  console.log(path);
}
