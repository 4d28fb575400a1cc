import { existsSync } from 'node:fs';
import { join } from 'node:path';
import express, { type RequestHandler } from 'express';
import { ApiError } from './http/api-error.ts';

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Switchyard</title>
<h1>Switchyard is running</h1>
<p>The editor has not been built. Run <code>npm run build</code> and load this page again.</p>
<p>The API works without it: <a href="/api/openapi.json">/api/openapi.json</a>.</p>`;

/** Serves the built editor: hashed assets for ever, and its one page for every address that is not a file. */
export function editorFiles(folder: string): [RequestHandler, RequestHandler] {
  const page = join(folder, 'index.html');
  const files = express.static(folder, {
    index: false,
    redirect: false,
    setHeaders: (response, path) => {
      const hashed = path.startsWith(join(folder, 'assets'));
      response.setHeader('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  const anyPage: RequestHandler = (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new ApiError(404, 'unknown_route', `There is nothing at ${request.method} ${request.path}.`);
    if (/\.[a-z0-9]+$/i.test(request.path) || request.path.startsWith('/assets/'))
      throw new ApiError(404, 'unknown_file', `There is no file ${request.path}.`);
    response.set('Cache-Control', 'no-cache');
    if (existsSync(page)) response.sendFile(page, { cacheControl: false, dotfiles: 'allow' });
    else response.type('html').send(NOT_BUILT);
  };
  return [files, anyPage];
}
