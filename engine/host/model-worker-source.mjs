/* Loads model-worker.ts in a worker thread. JavaScript, because Node 20 reads no TypeScript and tsx does not reach into threads by itself. */
import { register } from 'tsx/esm/api';

register();
await import('./model-worker.ts');
