import { parseArgs } from 'node:util';
import { JournalError } from '@switchyard/journal';
import { COMMANDS, type Command, type Words } from './commands.ts';
import { readConfig } from './config.ts';
import { CliFailure } from './failure.ts';
import { realSystem } from './system.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const note = (line: string): void => void process.stderr.write(`${line}\n`);

function help(): string {
  const width = Math.max(...COMMANDS.map(({ usage }) => usage.length)) + 2;
  return [
    'usage: switchyard COMMAND [WORDS]',
    '',
    ...COMMANDS.map(({ usage, help }) => `  ${usage.padEnd(width)}${help}`),
    '',
    'Commands find the product through the data folder (SWITCHYARD_DATA, default .switchyard) or SWITCHYARD_PUBLIC_URL, and the',
    'database through the data folder or DATABASE_URL. Results go to stdout, progress to stderr.',
    'Exit status: 0 done · 1 failed · 2 called wrongly · 3 not reachable · 4 the doctor found problems outside of the journal',
  ].join('\n');
}

async function runCommand(command: Command, args: readonly string[]): Promise<void> {
  await command.run(
    { config: readConfig(process.env), system: realSystem, environment: process.env, say, note },
    parseWords(args, command),
  );
}

function parseWords(args: readonly string[], { options = [], flags = [] }: Command): Words {
  const known = Object.fromEntries([
    ...options.map((name) => [name, { type: 'string' as const }]),
    ...flags.map((name) => [name, { type: 'boolean' as const }]),
  ]);
  try {
    const { positionals, values } = parseArgs({ args: [...args], options: known, allowPositionals: true });
    const given = Object.entries(values);
    return {
      positional: positionals,
      options: Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
      flags: Object.fromEntries(given.map(([name, value]) => [name, value === true])),
    };
  } catch (error) {
    throw new CliFailure(2, 'usage', error instanceof Error ? error.message : String(error));
  }
}

function fail(error: unknown): never {
  const known = error instanceof CliFailure || error instanceof JournalError;
  note(known ? `${error.code}: ${error.message}` : String(error instanceof Error ? error.stack : error));
  if (known && error.hint !== undefined) note(`  → ${error.hint}`);
  process.exit(error instanceof CliFailure ? error.exit : 1);
}

const [name, ...args] = process.argv.slice(2);
const command = COMMANDS.find((one) => one.name === name);
if (name === undefined || name === 'help' || name === '--help' || name === '-h' || args.includes('--help')) {
  say(help());
} else if (command === undefined) {
  note(`there is no command ${name}\n\n${help()}`);
  process.exit(2);
} else {
  await runCommand(command, args).catch(fail);
}
