import { interpret, loadInterpreter } from './interpreter.ts';
import type { Work } from './messages.ts';

/*
 * The child process: an empty environment, one piece of work at a time, no way out but the IPC channel. It ends when its
 * parent is gone.
 */

const isWork = (message: unknown): message is Work =>
  typeof message === 'object' && message !== null && 'code' in message && 'limits' in message;

const newInstance = await loadInterpreter();
process.on('disconnect', () => process.exit(0));
process.on('message', async (message) => {
  if (isWork(message)) process.send?.(await interpret(newInstance, message));
});
process.send?.('ready');
