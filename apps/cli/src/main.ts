import { parseArgs } from 'node:util';
import { JournalError } from '@switchyard/journal';
import { COMMANDS, type Command } from './commands.ts';
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
    'Exit status: 0 done · 1 failed · 2 called wrongly · 3 not reachable · 4 the doctor found problems',
  ].join('\n');
}

async function runCommand(command: Command, args: readonly string[]): Promise<void> {
  const options = Object.fromEntries((command.options ?? []).map((name) => [name, { type: 'string' as const }]));
  const words = parseWords(args, options);
  await command.run(
    { config: readConfig(process.env), system: realSystem, environment: process.env, say, note },
    words,
  );
}

function parseWords(args: readonly string[], options: Record<string, { readonly type: 'string' }>) {
  try {
    const { positionals, values } = parseArgs({ args: [...args], options, allowPositionals: true });
    return {
      positional: positionals,
      options: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])),
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
