import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where `vite dev` finds the server; the built editor is served by it and needs no proxy. */
const SERVER = 'http://127.0.0.1:7070';

export default defineConfig({
  plugins: [react()],
  build: { target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 1200 },
  server: { host: '127.0.0.1', proxy: { '/api': SERVER, '/hooks': SERVER, '/v1': SERVER, '/health': SERVER } },
});
