/* The engine as a process: loads the model, listens on 127.0.0.1, says so in one JSON line, ends on SIGTERM or SIGINT. */
import { readEngineConfig } from './config.ts';
import { ModelThread } from './model-thread.ts';
import { readModelCard } from './models.ts';
import { createEngineServer } from './server.ts';
import { realSystem } from './system.ts';

function die(error: unknown): never {
  process.stderr.write(
    `${JSON.stringify({ level: 'error', message: error instanceof Error ? error.message : String(error) })}\n`,
  );
  process.exit(1);
}

async function main(): Promise<void> {
  const config = readEngineConfig(process.env);
  const card = readModelCard(config.model);
  const thread = await ModelThread.start(card.folder, die);
  const server = createEngineServer({ thread, card, key: config.key, system: realSystem });
  server.on('error', die);
  server.listen(config.port, '127.0.0.1', () => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : config.port;
    process.stdout.write(
      `${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}`, model: card.id, template: card.template })}\n`,
    );
  });
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
    void thread.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch(die);
