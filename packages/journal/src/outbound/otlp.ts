import type { Span } from '../traces/spans.ts';

const PATIENCE_MS = 10_000;

/** Sends spans to a collector, as OTLP/HTTP in JSON. `endpoint` is the base, as OTEL_EXPORTER_OTLP_ENDPOINT has it. Rejects unless it takes them. */
export async function sendSpans(endpoint: string, service: string, spans: readonly Span[]): Promise<void> {
  const body = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeSpans: [{ scope: { name: 'switchyard' }, spans }],
      },
    ],
  };
  const answer = await fetch(`${endpoint.replace(/\/+$/, '')}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the collector answered ${answer.status}`);
}
