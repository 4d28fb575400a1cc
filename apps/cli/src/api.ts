import { z } from 'zod';
import type { CliConfig } from './config.ts';
import { CliFailure } from './failure.ts';
import type { System } from './system.ts';

/** The REST API as the commands use it: every answer is checked against a schema. */
export type Api = {
  readonly get: <T>(path: string, answer: z.ZodType<T>) => Promise<T>;
  readonly post: <T>(path: string, body: unknown, answer: z.ZodType<T>) => Promise<T>;
};

const refusal = z.object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }) });

/** Throws CliFailure: with the server's own code when it refuses, `unreachable` when nobody answers, `bad_answer` for another shape. */
export function openApi(config: CliConfig, system: System): Api {
  const call = async <T>(
    request: { path: string; method: string; body?: unknown },
    answer: z.ZodType<T>,
  ): Promise<T> => {
    const url = `${config.url}${request.path}`;
    const headers = {
      ...(config.key === undefined ? {} : { authorization: `Bearer ${config.key}` }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
    const response = await system.fetch(url, { method: request.method, headers, ...body }).catch((error: unknown) => {
      throw new CliFailure(
        3,
        'unreachable',
        `nobody answers at ${config.url} (${String(error)})`,
        'start the product: switchyard up',
      );
    });
    const json: unknown = await response.json().catch(() => null);
    if (!response.ok) throw refused(response.status, json);
    const parsed = answer.safeParse(json);
    if (parsed.success) return parsed.data;
    throw new CliFailure(
      1,
      'bad_answer',
      `${request.method} ${request.path}: ${z.prettifyError(parsed.error)}`,
      'are server and command line of the same version?',
    );
  };
  return {
    get: (path, answer) => call({ path, method: 'GET' }, answer),
    post: (path, body, answer) => call({ path, method: 'POST', body }, answer),
  };
}

function refused(status: number, json: unknown): CliFailure {
  const said = refusal.safeParse(json);
  if (!said.success) return new CliFailure(1, `http_${status}`, `the server answered ${status}`);
  const { code, message, hint } = said.data.error;
  return new CliFailure(1, code, message, hint);
}
