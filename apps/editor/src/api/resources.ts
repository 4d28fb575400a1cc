import type { JournalEvent, PipelineDocument } from '@switchyard/pipeline';
import type { NodeTypeEntry } from '../document/node-types.ts';
import type { Theirs } from '../document/save.ts';
import type { SendOutcome } from '../document/saver.ts';
import { ApiError, request, requestText } from './request.ts';

/*
 * The REST resources the editor uses, one function each. Times are ISO 8601 text, versions whole numbers.
 */

/** States of a run as people see them. */
export type RunState = 'queued' | 'running' | 'waiting' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

/** One row of a run list. */
export type RunSummary = {
  readonly id: string;
  readonly pipelineId: string;
  readonly pipelineName: string;
  readonly state: RunState;
  readonly trigger: string;
  readonly revisionNumber: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
};

/** One row of the pipeline list. */
export type PipelineSummary = {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly updatedAt: string;
  readonly published: { readonly id: string; readonly number: number | null } | null;
  readonly lastRun: { readonly id: string; readonly state: RunState; readonly at: string } | null;
};

/** A pipeline opened for editing. */
export type PipelineDetail = {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly version: number;
  readonly document: PipelineDocument;
  readonly published: { readonly id: string; readonly number: number | null } | null;
};

/** A run with the revision it pins and the last seq of its journal. */
export type RunDetail = {
  readonly run: RunSummary;
  readonly revision: { readonly id: string; readonly number: number | null; readonly document: PipelineDocument };
  readonly seq: number;
};

/** A model the agent steps can use. The key is never sent back, only whether there is one. */
export type Connection = {
  readonly id: string;
  readonly name: string;
  readonly baseUrl: string;
  readonly modelId: string;
  readonly dialect: 'kimi' | 'openai';
  readonly isDefault: boolean;
  readonly hasKey: boolean;
};

/** What a person fills in for a connection. An absent key leaves the stored one. */
export type ConnectionInput = Pick<Connection, 'name' | 'baseUrl' | 'modelId' | 'dialect'> & {
  readonly apiKey?: string;
};

/** Who is using this browser, and the key that local clients may use. */
export type Session = {
  readonly project: string;
  readonly user: string;
  readonly version: string;
  readonly key: string | null;
  readonly publicUrl?: string;
};

/** One page of a list and how to ask for the next. */
export type Page<T> = { readonly items: readonly T[]; readonly next: string | null };

/** `GET /api/session`. */
export const session = (): Promise<Session> => request('/api/session');

/** `GET /api/node-types`. */
export const nodeTypes = async (): Promise<readonly NodeTypeEntry[]> =>
  listIn<NodeTypeEntry>(await request('/api/node-types'));

/** Pipelines, most recently changed first. */
export const pipelines = async (query: string): Promise<readonly PipelineSummary[]> =>
  listIn<PipelineSummary>(await request(`/api/pipelines${search({ q: query, limit: '200' })}`));

/** One pipeline with its draft. Throws `not_found`. */
export const pipeline = (id: string): Promise<PipelineDetail> => request(`/api/pipelines/${id}`);

/** Makes a pipeline; an absent document is an empty one. */
export const createPipeline = (body: {
  readonly name: string;
  readonly document?: PipelineDocument;
}): Promise<PipelineDetail> => request('/api/pipelines', { method: 'POST', body });

/** Deletes a pipeline. Its runs stay readable. */
export const deletePipeline = (id: string): Promise<null> => request(`/api/pipelines/${id}`, { method: 'DELETE' });

/** Sends a draft; never throws for what saving must handle. */
export async function saveDraft(
  id: string,
  draft: { readonly name: string; readonly document: PipelineDocument },
  version: number,
): Promise<SendOutcome> {
  try {
    const answer = await request<{ readonly version: number }>(`/api/pipelines/${id}/draft`, {
      method: 'PUT',
      body: draft.name.trim() === '' ? { document: draft.document } : draft,
      ifMatch: version,
    });
    return { outcome: 'accepted', version: answer.version };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === 'unreachable' || error.status >= 500) return { outcome: 'unreachable' };
    if (error.status === 412) return { outcome: 'conflict', theirs: await current(id, error) };
    return { outcome: 'refused', message: error.message };
  }
}

async function current(id: string, error: ApiError): Promise<Theirs> {
  const body = error.body.current;
  if (typeof body === 'object' && body !== null && 'document' in body && 'version' in body && 'name' in body)
    return body as Theirs;
  const { name, document, version } = await pipeline(id);
  return { name, document, version };
}

/** Publishes the draft at a version. Throws `draft_conflict` (412) or `invalid_document` with problems (422). */
export const publish = (id: string, version: number): Promise<{ readonly id: string; readonly number: number }> =>
  request(`/api/pipelines/${id}/publish`, { method: 'POST', ifMatch: version, body: {} });

/** A frozen revision. */
export const revision = (
  id: string,
): Promise<{ readonly id: string; readonly number: number | null; readonly document: PipelineDocument }> =>
  request(`/api/revisions/${id}`);

/** Starts a run of the draft. */
export const startRun = (
  id: string,
  body: { readonly source: 'draft' | 'published'; readonly trigger?: string; readonly input: unknown },
): Promise<{ readonly runId: string }> => request(`/api/pipelines/${id}/runs`, { method: 'POST', body });

/** Runs, newest first, one page. */
export async function runs(filter: {
  readonly pipeline?: string;
  readonly state?: string;
  readonly after?: string;
  readonly limit?: number;
}): Promise<Page<RunSummary>> {
  const answer = await request<unknown>(`/api/runs${search({ ...filter, limit: String(filter.limit ?? 50) })}`);
  const items = listIn<RunSummary>(answer);
  const next =
    typeof answer === 'object' && answer !== null && 'next' in answer && typeof answer.next === 'string'
      ? answer.next
      : null;
  return { items, next };
}

/** One run. Throws `not_found`. */
export const run = (id: string): Promise<RunDetail> => request(`/api/runs/${id}`);

/** Events after a seq, in order; `next` is null at the end of what there is. */
export const runEvents = (
  id: string,
  after: number,
  limit = 1000,
): Promise<{ readonly events: readonly JournalEvent[]; readonly next: number | null }> =>
  request(`/api/runs/${id}/events?after=${after}&limit=${limit}`);

/** Asks a run to stop. */
export const cancelRun = (id: string): Promise<{ readonly state: string }> =>
  request(`/api/runs/${id}/cancel`, { method: 'POST', body: {} });

/** The text of a stored value that is too large for its event. */
export const blobText = (sha256: string, runId: string, signal?: AbortSignal): Promise<string> =>
  requestText(`/api/blobs/${sha256}?run=${runId}`, signal);

/** Model connections, the default first. */
export const connections = async (): Promise<readonly Connection[]> =>
  listIn<Connection>(await request('/api/connections'));

/** Adds or changes a connection. */
export const saveConnection = (id: string | null, body: ConnectionInput): Promise<Connection> =>
  id === null
    ? request('/api/connections', { method: 'POST', body })
    : request(`/api/connections/${id}`, { method: 'PUT', body });

/** Deletes a connection. */
export const deleteConnection = (id: string): Promise<null> => request(`/api/connections/${id}`, { method: 'DELETE' });

/** Asks the model behind a connection for one short answer. */
export const testConnection = (
  id: string,
): Promise<{ readonly ok: boolean; readonly message?: string; readonly ms?: number }> =>
  request(`/api/connections/${id}/test`, { method: 'POST', body: {} });

/** Makes a connection the one that agent steps use when they name none. */
export const makeDefault = (id: string): Promise<unknown> =>
  request(`/api/connections/${id}/default`, { method: 'POST', body: {} });

/** A stored secret by name; its value never comes back. */
export type StoredCredential = { readonly id: string; readonly name: string; readonly createdAt: string };

/** A secret as a person enters it: one header, for these hosts alone. */
export type CredentialInput = { readonly header: string; readonly value: string; readonly hosts: readonly string[] };

/** Credentials by name. */
export const credentials = async (): Promise<readonly StoredCredential[]> =>
  listIn<StoredCredential>(await request('/api/credentials'));

/** Stores a credential, or replaces its value. */
export const saveCredential = (name: string, body: CredentialInput): Promise<null> =>
  request(`/api/credentials/${encodeURIComponent(name)}`, { method: 'PUT', body });

/** Removes a credential; steps that name it fail from then on. */
export const deleteCredential = (name: string): Promise<null> =>
  request(`/api/credentials/${encodeURIComponent(name)}`, { method: 'DELETE' });

/** API keys without their secrets. */
export const apiKeys = async (): Promise<readonly ApiKey[]> => listIn<ApiKey>(await request('/api/keys'));

/** One API key as it is listed. */
export type ApiKey = { readonly id: string; readonly name: string; readonly createdAt: string };

/** Makes a key; its text is shown this once. */
export const createKey = (name: string): Promise<{ readonly id: string; readonly key: string }> =>
  request('/api/keys', { method: 'POST', body: { name } });

/** Deletes a key; clients that use it are refused from then on. */
export const deleteKey = (id: string): Promise<null> => request(`/api/keys/${id}`, { method: 'DELETE' });

const search = (values: Readonly<Record<string, string | number | undefined>>): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
};

/** Lists come bare or as the one array of an object (`{items, next}`): both are read. */
function listIn<T>(answer: unknown): readonly T[] {
  if (Array.isArray(answer)) return answer as readonly T[];
  if (typeof answer === 'object' && answer !== null) {
    const list = Object.values(answer).find(Array.isArray);
    if (list !== undefined) return list as readonly T[];
  }
  return [];
}
