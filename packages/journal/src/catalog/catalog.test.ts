import type { PipelineDocument } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../../../test/harness/fault-proxy.ts';
import { type JournalBench, openJournalBench, startOf, startRun } from '../../../../test/harness/journal.ts';
import type { PipelineRow } from './contract.ts';

let bench: JournalBench;

beforeAll(async () => {
  bench = await openJournalBench();
});
afterAll(() => bench.close());

const catalog = () => bench.database.catalog;

const triggers = (webhook: object | null, schedule: object | null): PipelineDocument => ({
  format: 1,
  nodes: [
    ...(webhook === null ? [] : [{ id: 'hook', type: 'trigger.webhook', config: webhook }]),
    ...(schedule === null ? [] : [{ id: 'clock', type: 'trigger.schedule', config: schedule }]),
  ].map((node) => ({
    ...node,
    config: { ...node.config } as Record<string, string | number>,
    position: { x: 0, y: 0 },
    onError: 'fail' as const,
  })),
  edges: [],
  notes: [],
});

async function save(pipeline: PipelineRow, document: PipelineDocument): Promise<PipelineRow> {
  const answer = await catalog().pipelines.saveDraft({ id: pipeline.id, ifVersion: pipeline.version, document });
  if (answer === null || 'conflict' in answer) throw new Error('not saved');
  return { ...pipeline, version: answer.version };
}

async function publish(pipeline: PipelineRow) {
  const answer = await catalog().pipelines.publish({ id: pipeline.id, ifVersion: pipeline.version });
  if (answer === null || 'conflict' in answer) throw new Error('not published');
  return answer.revision;
}

describe('pipelines', () => {
  it('save a draft only over the version it was made from, also in a race', async () => {
    const pipeline = await catalog().pipelines.create({ name: 'Raced' });
    const drafts = ['one', 'two', 'three'].map((text) => ({
      ...triggers(null, null),
      notes: [{ id: 'n', text, position: { x: 0, y: 0 } }],
    }));
    const answers = await Promise.all(
      drafts.map((document) => catalog().pipelines.saveDraft({ id: pipeline.id, ifVersion: 1, document })),
    );
    const saved = answers.filter((answer) => answer !== null && 'version' in answer);
    expect(saved).toEqual([{ version: 2 }]);
    const winner = drafts[answers.findIndex((answer) => answer !== null && 'version' in answer)];
    const conflict = answers.find((answer) => answer !== null && 'conflict' in answer);
    expect(conflict).toMatchObject({ conflict: { version: 2, draft: winner } });
    expect(
      await catalog().pipelines.saveDraft({
        id: startOf(bench, []).runId,
        ifVersion: 1,
        document: triggers(null, null),
      }),
    ).toBeNull();
  });

  it('number slugs made from names, and refuse a taken one that was asked for', async () => {
    const made = [
      await catalog().pipelines.create({ name: 'Zwölf Äpfel!' }),
      await catalog().pipelines.create({ name: 'Zwölf Äpfel!' }),
    ];
    expect(made.map((pipeline) => pipeline.slug)).toEqual(['zwo-lf-a-pfel', 'zwo-lf-a-pfel-2']);
    await expect(catalog().pipelines.create({ name: 'x', slug: 'zwo-lf-a-pfel' })).rejects.toMatchObject({
      code: 'slug_taken',
      next: 'conflict',
    });
  });

  it('keep every byte of a draft', async () => {
    const document = {
      ...triggers(null, null),
      notes: [{ id: 'n', text: 'nul \u0000 and half \udc00', position: { x: 0.1, y: 1e-7 } }],
    };
    const pipeline = await save(await catalog().pipelines.create({ name: 'bytes' }), document);
    expect((await catalog().pipelines.get(pipeline.id))?.draft).toEqual(document);
  });

  it('list newest first, page by page, and find by a part of the name', async () => {
    const names = ['page 1', 'page 2', 'page 3'];
    for (const name of names) await catalog().pipelines.create({ name });
    const first = await catalog().pipelines.list({ q: 'PAGE', limit: 2 });
    expect(first.rows.map((row) => row.name)).toEqual(['page 3', 'page 2']);
    const rest = await catalog().pipelines.list({ q: 'PAGE', limit: 2, after: first.next ?? '' });
    expect([rest.rows.map((row) => row.name), rest.next]).toEqual([['page 1'], null]);
  });

  it('free their slug and end their triggers when removed', async () => {
    const pipeline = await save(
      await catalog().pipelines.create({ name: 'gone', slug: 'gone' }),
      triggers({ token: 'gone-token' }, { cron: '* * * * *' }),
    );
    await publish(pipeline);
    expect(await catalog().pipelines.remove(pipeline.id)).toBe(true);
    expect(await catalog().pipelines.remove(pipeline.id)).toBe(false);
    expect(await catalog().pipelines.get(pipeline.id)).toBeNull();
    expect(await catalog().webhooks.byToken('gone-token')).toBeNull();
    expect((await catalog().pipelines.create({ name: 'again', slug: 'gone' })).slug).toBe('gone');
  });
});

describe('publish', () => {
  it('makes one revision of one content, whatever the order of its keys', async () => {
    const pipeline = await catalog().pipelines.create({ name: 'content' });
    const draft = await catalog().revisions.snapshot(pipeline.id, pipeline.draft);
    expect(draft.number).toBeNull();
    const first = await publish(pipeline);
    expect([first.id, first.number]).toEqual([draft.id, 1]);
    const shuffled = await save(pipeline, { notes: [], nodes: [], edges: [], format: 1 });
    expect((await publish(shuffled)).id).toBe(first.id);
    const changed = await save(shuffled, triggers({ token: 'content-token' }, null));
    expect((await publish(changed)).number).toBe(2);
    expect((await catalog().revisions.list(pipeline.id)).map((revision) => revision.number)).toEqual([2, 1]);
    expect((await catalog().revisions.get(first.id))?.number).toBe(1);
  });

  it('refuses a draft that was saved since', async () => {
    const pipeline = await catalog().pipelines.create({ name: 'stale' });
    await save(pipeline, triggers(null, null));
    expect(await catalog().pipelines.publish({ id: pipeline.id, ifVersion: 1 })).toMatchObject({
      conflict: { version: 2 },
    });
  });

  it('makes webhooks and schedules those of the trigger nodes', async () => {
    let pipeline = await save(
      await catalog().pipelines.create({ name: 'triggers' }),
      triggers({ token: 'first', mode: 'respond', deadlineSeconds: 5 }, { cron: '0 * * * *' }),
    );
    const revision = await publish(pipeline);
    expect(await catalog().webhooks.byToken('first')).toMatchObject({
      pipelineId: pipeline.id,
      revisionId: revision.id,
      node: 'hook',
      mode: 'respond',
      deadlineSeconds: 5,
    });
    const [schedule] = await catalog().schedules.list({ pipelineId: pipeline.id });
    expect(schedule).toMatchObject({
      node: 'clock',
      cron: '0 * * * *',
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, // none is named, and the owner has said none
      missed: 'last',
      overlap: 'allow',
      nextFire: null,
      enabled: true,
    });
    await catalog().schedules.plan(schedule?.id ?? '', '2027-01-01T00:00:00.000Z');

    pipeline = await save(pipeline, triggers({ token: 'second' }, { cron: '0 * * * *' }));
    await publish(pipeline);
    expect(await catalog().webhooks.byToken('first')).toBeNull();
    expect(await catalog().webhooks.byToken('second')).toMatchObject({ mode: 'at_once', deadlineSeconds: 30 });
    expect((await catalog().schedules.list({ pipelineId: pipeline.id }))[0]).toMatchObject({
      id: schedule?.id,
      nextFire: '2027-01-01T00:00:00.000Z',
    });

    pipeline = await save(pipeline, triggers({ token: 'second' }, { cron: '5 * * * *' }));
    await publish(pipeline);
    expect((await catalog().schedules.list({ pipelineId: pipeline.id }))[0]).toMatchObject({
      id: schedule?.id,
      cron: '5 * * * *',
      nextFire: null,
    });

    pipeline = await save(pipeline, triggers(null, null));
    await publish(pipeline);
    expect(await catalog().webhooks.list(pipeline.id)).toEqual([]);
    expect(await catalog().schedules.list({ pipelineId: pipeline.id })).toEqual([]);
  });

  it('refuses a token of another pipeline and then changes nothing', async () => {
    await publish(await save(await catalog().pipelines.create({ name: 'owner' }), triggers({ token: 'wanted' }, null)));
    const thief = await save(await catalog().pipelines.create({ name: 'thief' }), triggers({ token: 'wanted' }, null));
    await expect(publish(thief)).rejects.toMatchObject({ code: 'webhook_token_taken' });
    expect((await catalog().pipelines.get(thief.id))?.publishedRevisionId).toBeNull();
    expect(await catalog().revisions.list(thief.id)).toEqual([]);
  });
});

describe('schedules', () => {
  it('C8: stand in the zone of their owner when they name none', async () => {
    await catalog().setTimezone('Asia/Tokyo');
    const pipeline = await save(
      await catalog().pipelines.create({ name: 'in Tokyo' }),
      triggers(null, { cron: '0 9 * * *' }),
    );
    await publish(pipeline);
    expect((await catalog().session()).user.timezone).toBe('Asia/Tokyo');
    expect((await catalog().schedules.list({ pipelineId: pipeline.id }))[0]?.timezone).toBe('Asia/Tokyo');
    await catalog().setTimezone(null);
  });

  it('fire once, though two servers see the same time', async () => {
    const pipeline = await save(
      await catalog().pipelines.create({ name: 'fired' }),
      triggers(null, { cron: '* * * * *' }),
    );
    const revision = await publish(pipeline);
    const other = await bench.openAnother();
    const [schedule] = await catalog().schedules.list({ pipelineId: pipeline.id });
    const id = schedule?.id ?? '';
    const [first, second] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z'];
    expect((await catalog().schedules.due()).map((due) => due.id)).toContain(id);
    expect(
      await Promise.all([catalog().schedules.plan(id, first), other.catalog.schedules.plan(id, first)]),
    ).toHaveLength(2);
    const firing = () => ({
      scheduleId: id,
      expected: first,
      fireAt: first,
      next: second,
      start: startOf(bench, ['a'], { pipelineId: pipeline.id, revisionId: revision.id }),
    });
    const answers = await Promise.all([
      catalog().schedules.fire(firing()),
      other.catalog.schedules.fire(firing()),
      catalog().schedules.fire(firing()),
    ]);
    expect(answers.map((answer) => answer.outcome).sort()).toEqual(['fired', 'taken', 'taken']);
    expect((await catalog().runs.list({ pipelineId: pipeline.id, limit: 10 })).rows).toHaveLength(1);
    expect((await catalog().schedules.list({ pipelineId: pipeline.id }))[0]).toMatchObject({
      nextFire: second,
      lastFire: first,
    });
    const missed = { scheduleId: id, expected: second, next: null, missed: [second], fireAt: null, start: null };
    expect(await catalog().schedules.fire(missed)).toEqual({ outcome: 'missed' });
    const stale = { ...firing(), start: startOf(bench, ['a'], { pipelineId: pipeline.id }) };
    expect(await catalog().schedules.fire(stale)).toEqual({ outcome: 'stale_revision' });
    await bench.test.sql('update schedule set next_fire = $2 where id = $1', [id, first]); // edited so that a fired time comes again
    expect((await catalog().schedules.fire(firing())).outcome).toBe('taken');
    expect((await catalog().schedules.list({ pipelineId: pipeline.id }))[0]?.nextFire).toBe(second);
    expect(await bench.test.sql('select outcome from firing where schedule_id = $1 order by fire_at', [id])).toEqual([
      { outcome: 'fired' },
      { outcome: 'missed' },
    ]);
  });
});

describe('runs', () => {
  it('list by pipeline and state, newest first, with keyset pages', async () => {
    const ids = [await startRun(bench, ['a']), await startRun(bench, ['a']), await startRun(bench, ['a'])];
    await bench.database.control.cancel({ runId: ids[1] ?? '', by: 'test' });
    const page = await catalog().runs.list({ pipelineId: bench.pipeline.id, state: 'running', limit: 1 });
    expect(page.rows[0]).toMatchObject({
      id: ids[2],
      pipelineName: 'bench',
      revisionNumber: 1,
      trigger: { node: 'start', kind: 'manual' },
      seq: 1,
      endedAt: null,
    });
    const rest = await catalog().runs.list({
      pipelineId: bench.pipeline.id,
      state: 'running',
      limit: 10,
      after: page.next ?? '',
    });
    expect(rest.rows.map((row) => row.id)).toEqual([ids[0]]);
    expect((await catalog().runs.some(ids)).map((row) => row.state).sort()).toEqual([
      'cancelled',
      'running',
      'running',
    ]);
    expect(await catalog().runs.get(startOf(bench, []).runId)).toBeNull();
  });
});

describe('connections', () => {
  const input = { baseUrl: 'http://127.0.0.1:7071/v1', model: 'pocket', dialect: 'kimi' } as const;

  it('seal their keys, show them to nobody who lists, and have one default', async () => {
    const first = await catalog().connections.create({
      ...input,
      name: 'first',
      apiKey: 'sk-very-secret',
      price: { prompt: 0.6, completion: 2.5 },
    });
    const second = await catalog().connections.create({ ...input, name: 'second' });
    expect(JSON.stringify(await catalog().connections.list())).not.toContain('sk-very-secret');
    expect(await catalog().connections.default()).toMatchObject({
      id: first.id,
      apiKey: 'sk-very-secret',
      price: { prompt: 0.6, completion: 2.5 },
    });
    expect(
      await bench.test.sql(
        "select position('sk-very-secret'::bytea in key_sealed) as found from model_connection where name = 'first'",
      ),
    ).toEqual([{ found: 0 }]);
    expect(await catalog().connections.markDefault(second.id)).toBe(true);
    expect(await catalog().connections.markDefault(startOf(bench, []).runId)).toBe(false);
    expect((await catalog().connections.list()).filter((row) => row.isDefault).map((row) => row.name)).toEqual([
      'second',
    ]);
    expect(await catalog().connections.update(first.id, { model: 'other' })).toMatchObject({
      model: 'other',
      hasKey: true,
    });
    expect(await catalog().connections.update(first.id, { apiKey: null })).toMatchObject({ hasKey: false });
    await expect(catalog().connections.create({ ...input, name: 'first' })).rejects.toMatchObject({
      code: 'name_taken',
    });
    expect([await catalog().connections.remove(first.id), await catalog().connections.remove(first.id)]).toEqual([
      true,
      false,
    ]);
  });

  it('do not open a key with another seal, nor one copied to another row', async () => {
    await catalog().connections.create({ ...input, name: 'sealed', apiKey: 'a' });
    const copy = await catalog().connections.create({ ...input, name: 'copied', apiKey: 'b' });
    const stranger = await bench.openAnother({ secretKey: Buffer.alloc(32, 9) });
    await expect(stranger.catalog.connections.byName('sealed')).rejects.toMatchObject({ code: 'secret_unreadable' });
    await bench.test.sql(
      "update model_connection set key_sealed = (select key_sealed from model_connection where name = 'sealed') where id = $1",
      [copy.id],
    );
    await expect(catalog().connections.get(copy.id)).rejects.toMatchObject({ code: 'secret_unreadable' });
    const without = await bench.openAnother({ secretKey: Buffer.alloc(0) });
    await expect(without.catalog.connections.create({ ...input, name: 'new', apiKey: 'c' })).rejects.toMatchObject({
      code: 'secret_key_missing',
    });
  });
});

describe('credentials and API keys', () => {
  it('give back what was set, and nothing to another name', async () => {
    await catalog().credentials.set('github', { token: 'ghp' });
    await catalog().credentials.set('github', { token: 'ghp2' });
    expect(await catalog().credentials.get('github')).toEqual({ token: 'ghp2' });
    expect((await catalog().credentials.list()).map((row) => row.name)).toEqual(['github']);
    expect([await catalog().credentials.remove('github'), await catalog().credentials.get('github')]).toEqual([
      true,
      null,
    ]);
  });

  it('keep only a hash of an API key', async () => {
    const { row, key } = await catalog().apiKeys.create('laptop');
    expect(await catalog().apiKeys.verify(key)).toEqual(row);
    expect(await catalog().apiKeys.verify(`${key}x`)).toBeNull();
    expect(JSON.stringify(await bench.test.sql('select * from api_token'))).not.toContain(key);
    expect([await catalog().apiKeys.remove(row.id), await catalog().apiKeys.verify(key)]).toEqual([true, null]);
  });
});

describe('documents', () => {
  it('are found by words, phrases and exclusions, best first, else by most words', async () => {
    const documents = [
      {
        slug: 'kestrel',
        title: 'Kestrel',
        address: '/kestrel',
        text: `${'Filler sentence. '.repeat(50)} The kestrel hovers over meadows and eats voles.`,
      },
      {
        slug: 'falcon',
        title: 'Falcon',
        address: '/falcon',
        text: 'A falcon is larger than a kestrel and hunts pigeons.',
      },
      { slug: 'owl', title: 'Owl', address: '/owl', text: 'The owl hunts voles at night.' },
    ];
    for (const document of documents) await catalog().documents.upsert(document);
    const found = async (query: string) => (await catalog().documents.search(query, 5)).map((hit) => hit.title);
    expect(await found('kestrels')).toEqual(expect.arrayContaining(['Kestrel', 'Falcon']));
    expect(await found('kestrel -pigeon')).toEqual(['Kestrel']);
    expect(await found('"hunts voles"')).toEqual(['Owl']);
    expect(await found('hovering owl spaceship')).toEqual(expect.arrayContaining(['Owl', 'Kestrel']));
    expect(await found('the of')).toEqual([]);
    expect(await found("it's ''; drop table document")).toEqual([]);
    const [hit] = await catalog().documents.search('voles hover', 1);
    expect(hit?.excerpt).toMatch(/hovers over meadows/);
    expect(hit?.excerpt.length).toBeLessThan(400);
    await catalog().documents.upsert({ slug: 'owl', title: 'Owl', address: '/owl', text: 'Nothing of interest.' });
    expect(await found('night')).toEqual([]);
    expect([await catalog().documents.remove('owl'), await catalog().documents.remove('owl')]).toEqual([true, false]);
  });
});

describe('a database that does not answer', () => {
  it('is one error, through Prisma as through pg', async () => {
    const proxy = await startFaultProxy(bench.test.url);
    const other = await bench.openAnother({ url: proxy.url });
    proxy.inject({ verb: 'cut', after: 0, towards: 'client', when: 'model_connection' });
    await expect(other.catalog.connections.list()).rejects.toMatchObject({
      code: 'database_unavailable',
      next: 'retry',
    });
    expect(await other.catalog.connections.list()).toEqual(await catalog().connections.list());
    await proxy.close();
    await expect(other.catalog.connections.list()).rejects.toMatchObject({ code: 'database_unavailable' });
  });
});
