import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Where `vite dev` finds the server; the built editor is served by it and needs no proxy. */
const SERVER = 'http://127.0.0.1:7070';

/** zod's namespace drags in its messages in fifty languages; the editor shows none of them. Saves 40 KB of first load. */
const withoutZodLocales: Plugin = {
  name: 'without-zod-locales',
  enforce: 'pre',
  resolveId: (source, importer) =>
    source === '../locales/index.js' && importer?.includes('/zod/') === true ? '\0zod-locales' : null,
  load: (id) => (id === '\0zod-locales' ? 'export {};' : null),
};

export default defineConfig({
  plugins: [withoutZodLocales, react()],
  build: {
    target: 'es2022',
    // The pipeline package only declares: what a page does not use of it need not be loaded with that page.
    rolldownOptions: { treeshake: { moduleSideEffects: (id) => !id.includes('/packages/pipeline/src/') } },
    chunkSizeWarningLimit: 1200,
  },
  server: { host: '127.0.0.1', proxy: { '/api': SERVER, '/hooks': SERVER, '/v1': SERVER, '/health': SERVER } },
});
