import type { PipelineDocument } from '../document.ts';
import { type Graph, upstreamOf } from '../graph.ts';
import { cronProblem } from './cron.ts';
import { errorProblem, type Problem, warning } from './problem.ts';

/** A way to start, tokens and times that work, respond nodes that somebody hears. */
export function checkTriggers(document: PipelineDocument, graph: Graph): readonly Problem[] {
  const none =
    graph.triggers.length === 0
      ? [
          errorProblem('no_trigger', 'Nothing starts this pipeline.', {
            hint: 'Add a trigger: manual, webhook or schedule.',
          }),
        ]
      : [];
  return [
    ...none,
    ...doubledTokens(document),
    ...unsigned(document),
    ...schedules(document),
    ...responds(document, graph),
  ];
}

function doubledTokens(document: PipelineDocument): readonly Problem[] {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  for (const node of document.nodes) {
    const token = node.config.token;
    if (node.type !== 'trigger.webhook' || typeof token !== 'string') continue;
    const first = seen.get(token);
    if (first === undefined) seen.set(token, node.id);
    else
      problems.push(
        errorProblem('duplicate_token', `"${first}" and "${node.id}" have the same webhook token.`, {
          node: node.id,
          path: ['token'],
          hint: 'Give each its own token.',
        }),
      );
  }
  return problems;
}

function unsigned(document: PipelineDocument): readonly Problem[] {
  return document.nodes
    .filter(({ type, config }) => {
      if (type !== 'trigger.webhook' || config.verify === undefined || config.verify === 'public') return false;
      return typeof config.credential !== 'string' || config.credential === '';
    })
    .map(({ id }) =>
      errorProblem('secret_missing', `"${id}" takes only signed requests but names no secret.`, {
        node: id,
        path: ['credential'],
        hint: 'Store the signing secret as a credential and name it here.',
      }),
    );
}

function schedules(document: PipelineDocument): readonly Problem[] {
  return document.nodes.flatMap((node) => {
    if (node.type !== 'trigger.schedule') return [];
    const { cron, timezone, everySeconds } = node.config;
    const problems: Problem[] = [];
    if ((cron === undefined || cron === '') === (everySeconds === undefined))
      problems.push(
        errorProblem('schedule_timing', 'A schedule has a cron expression or an interval, one of the two.', {
          node: node.id,
          path: ['cron'],
          hint: 'Fill in Cron, for instance 0 9 * * 1-5, or the seconds between two times.',
        }),
      );
    const wrong = typeof cron === 'string' && (cron !== '' || everySeconds === undefined) ? cronProblem(cron) : null;
    if (wrong !== null)
      problems.push(
        errorProblem('invalid_cron', wrong, {
          node: node.id,
          path: ['cron'],
          hint: 'Minute, hour, day of month, month, day of week; for instance 0 9 * * 1-5.',
        }),
      );
    if (typeof timezone === 'string' && timezone !== '' && !isTimezone(timezone))
      problems.push(
        errorProblem('invalid_timezone', `"${timezone}" is not a time zone.`, {
          node: node.id,
          path: ['timezone'],
          hint: 'An IANA name such as Europe/Berlin.',
        }),
      );
    return problems;
  });
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function responds(document: PipelineDocument, graph: Graph): readonly Problem[] {
  const webhooks = document.nodes
    .filter((node) => node.type === 'trigger.webhook' && node.config.mode === 'respond')
    .map((node) => node.id);
  const answering = document.nodes.filter((node) => node.type === 'respond');
  const silent = answering
    .filter((node) => !reachedFrom(graph, node.id, webhooks))
    .map((node) =>
      warning('respond_unheard', `Nobody waits for the answer of "${node.id}".`, {
        node: node.id,
        hint: 'Set a webhook trigger before it to answer with "respond".',
      }),
    );
  const waiting = webhooks
    .filter((id) => !answering.some((node) => reachedFrom(graph, node.id, [id])))
    .map((id) =>
      warning('respond_missing', `"${id}" waits for a Respond node, but none follows it.`, {
        node: id,
        hint: 'Add a Respond node, or answer with the last step.',
      }),
    );
  return [...silent, ...waiting];
}

function reachedFrom(graph: Graph, id: string, starts: readonly string[]): boolean {
  const upstream = upstreamOf(graph, id);
  return starts.some((start) => upstream.has(start));
}
