import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Services } from '../services.ts';

/**
 * Who may call. `public`: anybody · `local`: the one user of this installation, from a page or client of ours (Host and
 * Origin are checked) · `key`: whoever shows an API key · `token`: whoever knows the hook's address.
 */
export type Auth = 'public' | 'local' | 'key' | 'token';

/** What a caller may do; one local user has all of them today. */
export type Permission = 'none' | 'read' | 'edit' | 'run' | 'manage' | 'chat';

/** What a handler gets: parts of the request that passed their schemas. */
export type Call<P, Q, B> = {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly request: Request;
  readonly response: Response;
  readonly services: Services;
};

/** One row of the route table. A handler that answers `undefined` has written the response itself. */
export type Route<P = unknown, Q = unknown, B = unknown> = {
  readonly method: 'get' | 'post' | 'put' | 'delete' | 'all';
  /** Express path; parameters are `:name`, the rest is `*name`. */
  readonly path: string;
  readonly auth: Auth;
  readonly permission: Permission;
  readonly scope: 'installation' | 'project';
  readonly summary: string;
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  /** Takes any body as raw bytes, up to so many; without it and `body` a request's body is not read. */
  readonly rawBody?: number;
  /** Takes any body, and reads it by itself. */
  readonly readsItself?: true;
  /** Shape of the 2xx answer, for the OpenAPI document; null: none (204). Meta `contentType` where it is not JSON. */
  readonly answer: z.ZodType | null;
  /** 200 when absent. */
  readonly status?: number;
  readonly handle: (call: Call<P, Q, B>) => Promise<unknown> | unknown;
};

/** A row of the table, its types forgotten; each was checked where it was made. */
export type AnyRoute = Omit<Route, 'handle'> & { readonly handle: (call: Call<unknown, unknown, unknown>) => unknown };

/** Makes a route, with its types inferred from its schemas: what reaches `handle` has passed them. */
export const route = <P, Q, B>(definition: Route<P, Q, B>): AnyRoute => ({
  ...definition,
  // the one place where the table forgets the types: `handle` is only called with what the same row's schemas gave
  handle: (call) => definition.handle(call as Call<P, Q, B>),
});
