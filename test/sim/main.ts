import { fileURLToPath } from 'node:url';
import { runSuite } from './suite.ts';

/* `npm run test:sim [RUNS]`: prints one JSON line of figures; exit status 1 on a violation. */

const [runs = '2000'] = process.argv.slice(2);
const report = await runSuite({ runs: Number(runs), seedsFile: fileURLToPath(new URL('seeds.json', import.meta.url)) });
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
