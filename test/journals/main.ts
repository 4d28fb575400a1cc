/* `npm run journals -- capture`: takes journals of real runs for the suites of later builds. */
import { capture } from './capture.ts';

if (process.argv[2] === 'capture') await capture();
else {
  process.stderr.write('usage: npm run journals -- capture\n');
  process.exitCode = 2;
}
