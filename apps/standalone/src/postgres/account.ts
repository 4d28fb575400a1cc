import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Turns a command into the one that runs it under an account that PostgreSQL accepts. */
export type Account = {
  readonly name: string;
  readonly command: (file: string, args: readonly string[]) => readonly [string, readonly string[]];
};

const NOBODY = 65_534;
const USER_NAMESPACE = ['-U', '--map-user=1000', '--map-group=1000'];
/** Lets "nobody" read below a root-only home, and nothing else. */
const CAPABILITIES = '-all,+dac_read_search';

/**
 * PostgreSQL refuses to run as root. As root we use a user namespace, in which the process is not root but files still belong
 * to it; where namespaces are not allowed (most containers) the account "nobody", which then owns `directory`. The choice is
 * kept with the data, as the owner of the files depends on it.
 */
export function chooseAccount(directory: string): Account {
  if (process.getuid?.() !== 0) return { name: 'this user', command: (file, args) => [file, args] };
  const mark = join(directory, 'as-nobody');
  if (!existsSync(mark) && spawnSync('unshare', [...USER_NAMESPACE, 'true']).status === 0) {
    return { name: 'a user namespace', command: (file, args) => ['unshare', [...USER_NAMESPACE, file, ...args]] };
  }
  writeFileSync(mark, '');
  chownSync(directory, NOBODY, NOBODY);
  const options = [
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    '--clear-groups',
    `--inh-caps=${CAPABILITIES}`,
    `--ambient-caps=${CAPABILITIES}`,
    `--bounding-set=${CAPABILITIES}`,
    // without it access() drops the capability and initdb calls its own binary invalid
    '--securebits=+no_setuid_fixup',
  ];
  return { name: 'nobody', command: (file, args) => ['setpriv', [...options, file, ...args]] };
}
