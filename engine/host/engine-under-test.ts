/* A whole engine on a free port, for tests: real model thread, real HTTP. */
import type { Server } from 'node:http';
import { ModelThread } from './model-thread.ts';
import { readModelCard } from './models.ts';
import { createEngineServer } from './server.ts';

/** The key every engine under test takes. */
export const KEY = 'a-key-for-tests';

/** A listening engine; the test closes it. */
export type RunningEngine = { readonly url: string; readonly close: () => Promise<void> };

/** Starts an engine on a checkpoint folder, with a fixed clock and fixed seeds. */
export async function startEngine(folder: string): Promise<RunningEngine> {
  const card = readModelCard(folder);
  const thread = await ModelThread.start(card.folder, (error) => {
    throw error;
  });
  let count = 0;
  const server: Server = createEngineServer({
    thread,
    card,
    key: KEY,
    system: { now: () => 1e12, newId: () => String(++count), drawSeed: () => 4 },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return {
    url,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await thread.close();
    },
  };
}
