-- The full semantics of runs: loops, child runs, pause, limits, alarms. The guarantees are those of the first journal migration:
-- every function is all or nothing, READ COMMITTED, safe to send again.
-- Lock order everywhere: run, own step, other steps of the run by key, a step of the parent run, the queue of a pipeline (advisory
-- 21339), then limiters: concurrency of runs, rate of runs, steps. Rows of further runs only with SKIP LOCKED, as in the sweep.
-- Whoever holds a limiter waits for nothing but the limiters after it, so no two of these can wait for each other.

-- Runs know their depth, their pause, their share and their bytes (of events and of values that came with them). `rate_key`: the
-- limiter whose rate this run keeps to.
ALTER TABLE "run" ADD COLUMN "depth" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "paused_at" TIMESTAMPTZ(6),
  ADD COLUMN "weight" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "bytes" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "rate_key" TEXT;
-- The sweep rings for each pipeline in turn, so a due step says whose it is.
ALTER TABLE "step" ADD COLUMN "pipeline_id" UUID;
UPDATE "step" s SET "pipeline_id" = r."pipeline_id" FROM "run" r WHERE r."id" = s."run_id" AND s."state" IN ('queued', 'running', 'waiting');
-- Null: `max` steps at once. Else `max` begin in any such time.
ALTER TABLE "limiter" ADD COLUMN "per_seconds" DOUBLE PRECISION;
-- Revisions that the `pipeline` nodes of this one call, by node; 'self' is this very revision.
ALTER TABLE "revision" ADD COLUMN "pins" JSONB;
-- What the published revision asks of the installation.
ALTER TABLE "pipeline" ADD COLUMN "listens_error" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "keep_days" INTEGER DEFAULT 30,
  ADD COLUMN "keep_bytes" BIGINT;

-- Begins under a limiter with a rate: those of its window, the older ones are deleted with the next.
CREATE TABLE "limiter_use" (
    "key" TEXT NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL,
    "run_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,

    CONSTRAINT "limiter_use_pkey" PRIMARY KEY ("key","at","run_id")
);
-- Runs that ended badly and of which error pipelines are still to be told.
CREATE TABLE "alarm" (
    "run_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "alarm_pkey" PRIMARY KEY ("run_id")
);

-- Columns of these indexes change when a run begins or ends, never with an append in between: appends stay HOT.
DROP INDEX "run_live";
CREATE INDEX "run_live" ON "run"("pipeline_id", "id") WHERE "state" IN ('queued', 'running');
CREATE INDEX "run_admitted" ON "run"("concurrency_key") WHERE "state" = 'running' AND "concurrency_key" IS NOT NULL;
CREATE INDEX "run_waiting_rate" ON "run"("rate_key", "priority" DESC, "id") WHERE "state" = 'queued' AND "concurrency_key" IS NULL;
CREATE INDEX "run_living_child" ON "run"("parent_run") WHERE "parent_run" IS NOT NULL AND "ended_at" IS NULL;
DROP INDEX "step_due";
CREATE INDEX "step_due" ON "step"("pipeline_id", "due_at") WHERE "due_at" IS NOT NULL;

-- What the planner must know of (isStructural in packages/pipeline).
create or replace function is_structural(p_kind text) returns boolean language sql immutable parallel safe
return p_kind like 'run.%' or p_kind like 'step.%' or p_kind like 'approval.%' or p_kind like 'loop.%' or p_kind like 'iteration.%';

-- Values by content. Without bytes: the value is in the journal already and this run refers to it too (a copied event, the result
-- of a child); the lock keeps the collector off until the reference stands.
create or replace function store_blobs(p_run uuid, p_project uuid, p_sha bytea[], p_media text[], p_bytes bytea[]) returns void language plpgsql as $$
begin
  insert into blob (sha, project_id, size, media_type, bytes, touched_at)
    select b.sha, p_project, length(b.bytes), b.media, b.bytes, clock_timestamp()
      from (select distinct on (x.sha) x.sha, x.media, x.bytes from unnest(p_sha, p_media, p_bytes) x(sha, media, bytes)
             where x.bytes is not null order by x.sha) b
    on conflict (sha) do update set touched_at = clock_timestamp() where blob.touched_at < clock_timestamp() - interval '1 day';
  if array_position(p_bytes, null) is not null then
    perform from blob where sha = any (p_sha) order by sha for key share;
    p_sha := array(select sha from blob where sha = any (p_sha));
  end if;
  insert into blob_ref (run_id, project_id, sha) select p_run, p_project, x.sha from unnest(p_sha) x(sha) on conflict do nothing;
end $$;

-- Room under a limiter that the caller has locked: free places, or begins still allowed in its window.
create function limiter_room(p_key text, p_max int, p_per_seconds float8) returns int language sql volatile as $$
  select p_max - (case when p_per_seconds is null then (select count(*) from step where limit_key = p_key and owner is not null)
                       else (select count(*) from limiter_use where key = p_key and at > (select clock_timestamp() - p_per_seconds * interval '1 second')) end)::int;
$$;

-- A begin under a rate, and an end to those that no window holds any more.
create function note_begin(p_key text, p_per_seconds float8, p_run uuid, p_project uuid) returns void language sql as $$
  delete from limiter_use where key = p_key and at < (select clock_timestamp() - p_per_seconds * interval '1 second');
  insert into limiter_use (key, at, run_id, project_id) values (p_key, clock_timestamp(), p_run, p_project);
$$;

-- Parked steps for which their limiter has room become due, in order of priority and of their parking. Called ones keep their
-- `parked_at` until they are claimed: they count as taken, and one that is too late keeps its place. Answers with what to ring for.
drop function unpark(text);
create function unpark(p_limit text) returns table (run_id uuid, step_key text, epoch int) language plpgsql as $$
#variable_conflict use_column
declare l record; v_room int := 1000;
begin
  select max, per_seconds into l from limiter where key = p_limit for no key update;
  if found then
    v_room := limiter_room(p_limit, l.max, l.per_seconds)
            - (select count(*) from step where limit_key = p_limit and parked_at is not null and due_at is not null);
  end if;
  if v_room <= 0 then return; end if;
  return query update step s set due_at = clock_timestamp(), rung_at = null
    from (select p.run_id, p.key from step p where p.limit_key = p_limit and p.parked_at is not null and p.due_at is null
             and exists (select from run r where r.id = p.run_id and r.state = 'running' and r.paused_at is null)
           order by p.priority desc, p.parked_at, p.run_id limit v_room for no key update skip locked) next
   where s.run_id = next.run_id and s.key = next.key returning s.run_id, s.key, s.epoch;
end $$;

-- Queued runs for which there is room begin, in order of priority and age: their parked steps become due. The line is the
-- concurrency key, or for runs without one their rate. Answers with what to ring for.
create function admit(p_key text, p_rate text) returns table (run_id uuid, step_key text, epoch int) language plpgsql as $$
#variable_conflict use_column
declare v_max int; v_room int := 1000; v_ids uuid[]; q record; l record;
begin
  if p_key is not null then
    select max into v_max from limiter where key = 'run/' || p_key for no key update;
    if found then v_room := v_max - (select count(*) from run where concurrency_key = p_key and state = 'running'); end if;
    v_ids := array(select id from run where concurrency_key = p_key and state = 'queued'
                    order by priority desc, id limit greatest(v_room, 0) for no key update skip locked);
  else
    select max, per_seconds into l from limiter where key = p_rate for no key update;
    if found then v_room := limiter_room(p_rate, l.max, l.per_seconds); end if;
    v_ids := array(select id from run where rate_key = p_rate and concurrency_key is null and state = 'queued'
                    order by priority desc, id limit greatest(v_room, 0) for no key update skip locked);
  end if;
  for q in select r.id, r.project_id, r.rate_key, r.paused_at from run r join unnest(v_ids) with ordinality o(id, i) on o.id = r.id order by o.i loop
    if q.rate_key is not null then
      select max, per_seconds into l from limiter where key = q.rate_key for no key update;
      if found then
        if limiter_room(q.rate_key, l.max, l.per_seconds) <= 0 then exit; end if;
        perform note_begin(q.rate_key, l.per_seconds, q.id, q.project_id);
      end if;
    end if;
    update run set state = 'running' where id = q.id;
    if q.paused_at is null then
      return query update step s set due_at = clock_timestamp(), parked_at = null where s.run_id = q.id and s.parked_at is not null
        returning s.run_id, s.key, s.epoch;
    end if;
  end loop;
end $$;

-- A run that ended makes the step that waits for it due. The parent's step is locked by its key first and tested after.
drop function wake_parent(uuid, text);
create function wake_parent(p_parent uuid, p_step text) returns table (run_id uuid, step_key text, epoch int) language plpgsql as $$
#variable_conflict use_column
begin
  perform from step where run_id = p_parent and key = p_step for no key update;
  return query update step s set due_at = clock_timestamp(), rung_at = null
    where s.run_id = p_parent and s.key = p_step and s.state = 'waiting' and s.due_at is null returning s.run_id, s.key, s.epoch;
end $$;

-- What the end of a run sets free elsewhere, as hints: the step that waits for it, then the runs that wait for its place.
create function after_end(p_parent uuid, p_step text, p_key text) returns json language plpgsql as $$
declare v_hints json;
begin
  if p_parent is null and p_key is null then return null; end if;
  with woken as materialized (select * from wake_parent(p_parent, p_step) where p_parent is not null)
    select json_agg(json_build_object('runId', w.run_id, 'stepKey', w.step_key, 'epoch', w.epoch)) into v_hints from woken w;
  if p_key is null then return v_hints; end if;
  return (select json_agg(json_build_object('runId', a.run_id, 'stepKey', a.step_key, 'epoch', a.epoch)) from (
            select * from admit(p_key, null)
            union all select (h ->> 'runId')::uuid, h ->> 'stepKey', (h ->> 'epoch')::int from json_array_elements(v_hints) h) a);
end $$;

-- A run that failed, or that the system cancelled, is told to error pipelines; their own runs never are.
create function raise_alarm(p_run uuid, p_project uuid, p_trigger text, p_state text) returns void language plpgsql as $$
begin
  if p_trigger = 'error' or not exists (select from pipeline where listens_error and removed_at is null and project_id = p_project) then return; end if;
  if p_state = 'failed' or p_state = 'cancelled'
     and exists (select from event where run_id = p_run and kind = 'run.cancel_requested' and data ->> 'by' = 'system') then
    insert into alarm (run_id, project_id) values (p_run, p_project) on conflict do nothing;
  end if;
end $$;

-- True when a pipeline has as many living runs as it may. Exact: near the limit starters go one by one.
create function queue_full(p_pipeline uuid, p_max int) returns boolean language plpgsql as $$
declare v_living int;
begin
  if p_max is null then return false; end if;
  select count(*) into v_living from (select from run where pipeline_id = p_pipeline and state in ('queued', 'running') limit p_max) living;
  if v_living <= p_max - 64 then return false; end if;
  perform pg_advisory_xact_lock(21339, hashtext(p_pipeline::text));
  select count(*) into v_living from (select from run where pipeline_id = p_pipeline and state in ('queued', 'running') limit p_max) living;
  return v_living >= p_max;
end $$;

-- Numbers of the limiters a start names. The row is locked by it, so what is counted afterwards is counted by one at a time.
create function set_limiter(p_key text, p_max int, p_per_seconds float8, p_project uuid) returns void language sql as $$
  insert into limiter (key, max, per_seconds, project_id) values (p_key, p_max, p_per_seconds, p_project)
    on conflict (key) do update set max = excluded.max, per_seconds = excluded.per_seconds
    where (limiter.max, limiter.per_seconds) is distinct from (excluded.max, excluded.per_seconds);
$$;

-- Limiters of steps, from [{key, max, perSeconds}]: made when there is none; publishing changes them.
create function make_limiters(p_limits jsonb[], p_project uuid) returns void language sql as $$
  insert into limiter (key, max, per_seconds, project_id)
    select distinct on (l ->> 'key') l ->> 'key', (l ->> 'max')::int, (l ->> 'perSeconds')::float8, p_project
      from unnest(p_limits) l where l is not null and not exists (select from limiter where key = l ->> 'key') order by l ->> 'key'
    on conflict do nothing;
$$;

-- start_run: 2xx may be answered once this has committed. The same run id or (pipeline, dedup key) gives the same run, also
-- when callers race: `on conflict` waits for the other inserter.
-- p_more: what few starts have: {concurrency: {key, max}, rate: {max, perSeconds}, steps: {key: limiter}, parent: {run, step, depth,
-- root, paused}}.
-- `full`: nothing stored, the pipeline has p_queue_max living runs. `hints`: what to ring for; null: all that was opened.
drop function start_run(uuid, uuid, uuid, uuid, boolean, text, text, text, text[], text[], text[], text[], text, bytea[], text[], bytea[]);
create function start_run(
  p_run uuid, p_project uuid, p_pipeline uuid, p_revision uuid, p_published boolean, p_dedup text, p_node text, p_trigger text,
  p_kinds text[], p_keys text[], p_data text[], p_open text[], p_run_state text,
  p_sha bytea[], p_media text[], p_bytes bytea[],
  p_queue_max int default null, p_priority int default 0, p_weight int default 1, p_more jsonb default null,
  out outcome text, out run_id uuid, out run_seq int, out hints json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_refused text; v_living int; v_state text := coalesce(p_run_state, 'running'); v_paused boolean := false;
  v_parent jsonb; v_key text; v_rate text;
begin
  if p_published and not exists (select from pipeline where id = p_pipeline and published_revision_id = p_revision and removed_at is null) then
    v_refused := 'stale_revision';
  elsif p_queue_max is not null and p_run_state is null then
    select count(*) into v_living from (select from run where pipeline_id = p_pipeline and state in ('queued', 'running') limit p_queue_max) living;
    if v_living > p_queue_max - 64 and queue_full(p_pipeline, p_queue_max) then v_refused := 'full'; end if;
  end if;
  if p_more is not null then
    v_parent := p_more -> 'parent'; v_key := p_more #>> '{concurrency,key}';
    if v_parent is not null then
      v_paused := (v_parent ->> 'paused')::boolean and p_run_state is null;
      if v_paused then                                                                       -- as its parent is; the caller cannot know
        p_kinds := p_kinds || 'run.paused'::text; p_keys := p_keys || null::text; p_data := p_data || '{"by":"parent"}'::text;
      end if;
      if v_key is not null and exists (                                                      -- it goes in with the ancestor that has the place
        with recursive up as (select id, parent_run, concurrency_key from run where id = (v_parent ->> 'run')::uuid
                              union all select r.id, r.parent_run, r.concurrency_key from up join run r on r.id = up.parent_run)
        select from up where concurrency_key = v_key) then v_key := null; end if;
    end if;
    if v_refused is null and p_run_state is null then
      if v_key is not null then
        v_state := 'queued'; perform set_limiter('run/' || v_key, (p_more #>> '{concurrency,max}')::int, null, p_project);
      end if;
      if p_more -> 'rate' is not null then
        v_state := 'queued'; v_rate := 'rate/' || p_pipeline;
        perform set_limiter(v_rate, (p_more #>> '{rate,max}')::int, (p_more #>> '{rate,perSeconds}')::float8, p_project);
      end if;
    end if;
  end if;
  if v_refused is null then
    insert into run (id, project_id, pipeline_id, revision_id, parent_run, parent_step, root_run, depth, dedup_key, trigger_node, trigger_kind, state, seq, version,
                     priority, weight, bytes, concurrency_key, rate_key, paused_at, ended_at)
      values (p_run, p_project, p_pipeline, p_revision, (v_parent ->> 'run')::uuid, v_parent ->> 'step', coalesce((v_parent ->> 'root')::uuid, p_run),
              coalesce((v_parent ->> 'depth')::int, 0), p_dedup, p_node, p_trigger, v_state, cardinality(p_kinds), 1,
              p_priority, p_weight, pg_column_size(p_data) + pg_column_size(p_bytes), v_key, v_rate, case when v_paused then clock_timestamp() end,
              case when p_run_state in ('succeeded', 'failed', 'cancelled') then clock_timestamp() end)
      on conflict do nothing;
  end if;
  if v_refused is not null or not found then
    select 'exists', r.id, r.seq into outcome, run_id, run_seq from run r
     where r.id = p_run or (r.pipeline_id = p_pipeline and r.dedup_key = p_dedup) limit 1;
    if not found then outcome := v_refused; end if;
    return;
  end if;
  if p_sha <> '{}' then perform store_blobs(p_run, p_project, p_sha, p_media, p_bytes); end if;
  insert into event (run_id, project_id, seq, kind, step_key, data, at)
    select p_run, p_project, e.i, e.kind, e.key, e.data::json, clock_timestamp() from unnest(p_kinds, p_keys, p_data) with ordinality e(kind, key, data, i);
  if p_more -> 'steps' is not null then perform make_limiters(array(select value from jsonb_each(p_more -> 'steps')), p_project); end if;
  insert into step (run_id, project_id, pipeline_id, key, state, due_at, parked_at, priority, limit_key)
    select p_run, p_project, p_pipeline, o.key, 'queued', case when v_state = 'running' and not v_paused then clock_timestamp() end,
           case when v_state <> 'running' or v_paused then clock_timestamp() end, p_priority, p_more #>> array['steps', o.key, 'key'] from unnest(p_open) o(key);
  outcome := 'started'; run_id := p_run; run_seq := cardinality(p_kinds);
  if v_state = 'queued' then                                                                 -- its turn may be now, and only then before nobody
    hints := coalesce((select json_agg(json_build_object('runId', a.run_id, 'stepKey', a.step_key, 'epoch', a.epoch))
                         from admit(v_key, case when v_key is null then v_rate end) a), '[]');
  elsif v_paused then hints := '[]';
  elsif v_living is null or v_living >= 50 * p_weight then
    if exists (select from step where pipeline_id = p_pipeline and due_at < (select clock_timestamp() - interval '100 ms') offset 50 * p_weight - 1) then
      hints := '[]';                                                                         -- not before those that wait: the sweep rings in turn
    end if;
  end if;
  if p_run_state in ('failed', 'cancelled') then perform raise_alarm(p_run, p_project, p_trigger, p_run_state); end if;
end $$;

-- append: the only way to write events of a running run. p_version null: inside a step, in any order among lanes; else the
-- version the decision was computed from. p_n null: a due pure step, claimed and finished at once.
--   done    written                                  already  this very (epoch, n) is in the journal: an earlier send
--   lost    the lease is not ours any more           over     the run has ended
--   stopped an intent, or a child, after a cancel or a stop
--   full    the child's pipeline has as many living runs as it may
--   behind  the version, or a touched step, moved: `missed` and `live` say what is now
-- p_limits: a limiter {key, max, perSeconds} per opened step, or null. p_close: waiting steps that these events settle.
-- p_child: a run that begins with it, its columns by name. `hints`: steps of other runs that it made due.
drop function append(uuid, int, text, int, int, int, int, boolean, text[], text[], text[], text, float8, text[], boolean[], text[], text[], int[], text[], text, bytea[], text[], bytea[]);
create function append(
  p_run uuid, p_worker int, p_step text, p_epoch int, p_n int, p_version int, p_seen int, p_intent boolean,
  p_kinds text[], p_keys text[], p_data text[], p_state text, p_due_ms float8,
  p_open text[], p_mine boolean[], p_limits text[], p_touch text[], p_touch_epoch int[], p_touch_to text[], p_run_state text,
  p_sha bytea[], p_media text[], p_bytes bytea[], p_close text[] default '{}', p_child json default null,
  out outcome text, out run_seq int, out run_version int, out missed json, out live json, out hints json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare r record; s record; v_limit text; v_started text[]; v_more json;
begin
  select seq, version, state, cancel_at, paused_at, project_id, pipeline_id, priority, parent_run, parent_step, root_run, concurrency_key, trigger_kind
    into r from run where id = p_run for no key update;                                      -- the turnstile
  if not found then raise exception 'run % is not in the journal', p_run using errcode = 'SY003'; end if;
  outcome := case when r.state in ('succeeded', 'failed', 'cancelled') then 'over'
                  when p_intent and r.cancel_at is not null then 'stopped'
                  when p_version <> r.version then 'behind' end;
  if outcome is null and p_touch <> '{}' then
    perform from step where run_id = p_run and key = any (p_touch) order by key for no key update;
    if cardinality(p_touch) <> (select count(*) from step t join unnest(p_touch, p_touch_epoch, p_touch_to) x(key, epoch, to_state) on t.key = x.key and t.epoch = x.epoch
                                 where t.run_id = p_run and (t.state = 'waiting' or t.state in ('queued', 'running') and x.to_state <> 'due')) then outcome := 'behind'; end if;
  end if;
  if outcome is null and p_child is not null and queue_full((p_child ->> 'pipeline')::uuid, (p_child ->> 'queueMax')::int) then outcome := 'full'; end if;
  if outcome is null and p_step is not null then                                             -- the fence
    update step set n = coalesce(p_n, 0) + 1, epoch = p_epoch + (p_n is null)::int, state = coalesce(p_state, state), rung_at = null, parked_at = null,
           owner = case when p_state is null then owner end,
           due_at = case when p_state in ('queued', 'waiting') and p_due_ms is not null then clock_timestamp() + p_due_ms * interval '1 millisecond' end,
           attempt = attempt + ('step.retrying' = any (p_kinds))::int
     where run_id = p_run and key = p_step and epoch = p_epoch
       and (owner = p_worker and n = p_n or p_n is null and owner is null and due_at <= clock_timestamp())
       and not (p_intent and stop_at is not null)
    returning limit_key into v_limit;
    if not found then outcome := 'lost'; end if;
  end if;

  if outcome is not null then                                                                -- nothing is written; say why
    run_seq := r.seq; run_version := r.version;
    if p_step is not null then
      select epoch, n, owner into s from step where run_id = p_run and key = p_step;
      outcome := case
        when p_n is null and s.epoch = p_epoch + 1 and exists (select from event e where e.run_id = p_run and e.step_key = p_step and e.epoch = p_epoch + 1
               and e.kind = 'step.started' and e.data ->> 'worker' = p_worker::text) then 'already'    -- mine, not another's
        when p_n is null then case when s.epoch = p_epoch and s.owner is null then outcome else 'lost' end
        when s.epoch = p_epoch and s.n = p_n + 1 then 'already'
        when s.epoch is distinct from p_epoch or s.owner is distinct from p_worker or s.n <> p_n then 'lost'
        when outcome = 'lost' then 'stopped'
        else outcome end;
    end if;
    if outcome = 'behind' then
      missed := structural_events(p_run, p_seen);
      live := (select json_agg(json_build_object('stepKey', t.key, 'epoch', t.epoch, 'held', t.owner is not null)) from step t
                where t.run_id = p_run and t.state in ('queued', 'running', 'waiting'));
    end if;
    return;
  end if;

  if p_sha <> '{}' then perform store_blobs(p_run, r.project_id, p_sha, p_media, p_bytes); end if;
  if p_touch <> '{}' then                                                                    -- free ones change, held ones are asked to stop
    update step t set state = case when t.owner is null and x.to_state <> 'due' then x.to_state else t.state end,
           due_at = case when t.owner is null and x.to_state = 'due' then clock_timestamp() end,
           parked_at = case when t.owner is null then null else t.parked_at end, rung_at = null,
           epoch = t.epoch + (t.owner is null)::int, stop_at = case when t.owner is null then t.stop_at else clock_timestamp() end
      from unnest(p_touch, p_touch_to) x(key, to_state) where t.run_id = p_run and t.key = x.key;
  end if;
  if p_close <> '{}' then                                                                    -- settled by these events though they do not speak
    update step t set state = split_part(e.kind, '.', 2), due_at = null, rung_at = null, epoch = t.epoch + 1
      from unnest(p_kinds, p_keys) e(kind, key) where t.run_id = p_run and t.key = e.key and t.key = any (p_close) and t.owner is null and t.state = 'waiting'
       and e.kind in ('step.succeeded', 'step.failed', 'step.skipped', 'step.cancelled');
  end if;
  if p_open <> '{}' then                                                                     -- the primary key is the last guard against opening twice
    if cardinality(array_remove(p_limits, null)) > 0 then
      perform make_limiters(array(select l::jsonb from unnest(p_limits) l where l is not null), r.project_id);
    end if;
    insert into step (run_id, project_id, pipeline_id, key, state, epoch, owner, due_at, parked_at, priority, limit_key)
      select p_run, r.project_id, r.pipeline_id, o.key, case when o.mine then 'running' else 'queued' end, o.mine::int, case when o.mine then p_worker end,
             case when not o.mine and r.state = 'running' then clock_timestamp() end, case when not o.mine and r.state = 'queued' then clock_timestamp() end,
             r.priority, o.limiter::jsonb ->> 'key' from unnest(p_open, p_mine, p_limits) o(key, mine, limiter);
  end if;
  if p_version is not null then v_started := array(select e.key from unnest(p_kinds, p_keys) e(kind, key) where e.kind = 'step.started'); end if;
  insert into event (run_id, project_id, seq, kind, step_key, epoch, n, data, at)            -- epoch and n of the step the event is about, not of the speaker
    select p_run, r.project_id, r.seq + e.i, e.kind, e.key,
           case when e.key = p_step then p_epoch + (p_n is null)::int when e.key = any (v_started) then 1 end,
           case when e.key = p_step then coalesce(p_n, 0) when e.key = any (v_started) then 0 end, e.data::json, clock_timestamp()
      from unnest(p_kinds, p_keys, p_data) with ordinality e(kind, key, data, i);
  outcome := 'done'; run_seq := r.seq + cardinality(p_kinds); run_version := r.version + (p_version is not null)::int;
  if p_version is null then                                                                  -- inside a step nothing else of the run changes
    update run set seq = run_seq, bytes = bytes + pg_column_size(p_data) + pg_column_size(p_bytes) where id = p_run;
  else
    update run set seq = run_seq, version = run_version, state = coalesce(p_run_state, state), bytes = bytes + pg_column_size(p_data) + pg_column_size(p_bytes),
           ended_at = case when p_run_state in ('succeeded', 'failed', 'cancelled') then clock_timestamp() else ended_at end,
           cancel_at = case when 'run.cancel_requested' = any (p_kinds) then clock_timestamp() else cancel_at end,
           paused_at = case when 'run.paused' = any (p_kinds) then clock_timestamp() when 'run.resumed' = any (p_kinds) then null else paused_at end where id = p_run;
  end if;
  if r.paused_at is not null and 'run.resumed' = any (p_kinds) and r.state = 'running' then  -- what a claim met while it was paused
    update step set due_at = clock_timestamp(), parked_at = case when limit_key is not null then parked_at end, rung_at = null
     where run_id = p_run and parked_at is not null and due_at is null;
  end if;
  if p_run_state in ('succeeded', 'failed', 'cancelled') then
    if exists (select from step where run_id = p_run and state in ('queued', 'running', 'waiting')) then
      raise exception 'run % cannot end: it has live steps', p_run using errcode = 'SY001';
    end if;
    if p_run_state <> 'succeeded' then perform raise_alarm(p_run, r.project_id, r.trigger_kind, p_run_state); end if;
    hints := after_end(r.parent_run, r.parent_step, r.concurrency_key);
  elsif p_child is not null then
    v_more := p_child -> 'more';
    select c.hints into hints from start_run(
      (p_child ->> 'run')::uuid, r.project_id, (p_child ->> 'pipeline')::uuid, (p_child ->> 'revision')::uuid, false, p_child ->> 'dedup', p_child ->> 'node', p_child ->> 'trigger',
      array(select json_array_elements_text(p_child -> 'kinds')), array(select json_array_elements_text(p_child -> 'keys')), array(select json_array_elements_text(p_child -> 'data')),
      array(select json_array_elements_text(p_child -> 'open')), p_child ->> 'state',
      array(select decode(x, 'hex') from json_array_elements_text(p_child -> 'blobs') x), array(select null::text from json_array_elements(p_child -> 'blobs')),
      array(select null::bytea from json_array_elements(p_child -> 'blobs')), null, (p_child ->> 'priority')::int, (p_child ->> 'weight')::int,
      jsonb_set(v_more::jsonb, '{parent}', (v_more::jsonb -> 'parent') || jsonb_build_object('run', p_run, 'root', r.root_run, 'paused', r.paused_at is not null))) c;
    if hints is null then hints := (select json_agg(json_build_object('runId', p_child ->> 'run', 'stepKey', o, 'epoch', 0)) from json_array_elements_text(p_child -> 'open') o); end if;
  end if;
  if p_state = 'waiting' and p_due_ms is null and exists (select from run where parent_run = p_run and parent_step = p_step and ended_at is not null)
     and not exists (select from run where parent_run = p_run and parent_step = p_step and ended_at is null) then
    update step set due_at = clock_timestamp() where run_id = p_run and key = p_step;        -- the child ended before its parent began to wait
  end if;
  if v_limit is not null and p_state is not null then
    hints := (select json_agg(h) from (select json_array_elements(hints) h
               union all select json_build_object('runId', u.run_id, 'stepKey', u.step_key, 'epoch', u.epoch) from unpark(v_limit) u) x);
  end if;
end $$;

-- claim: the hint names (run, step, epoch). Compare-and-set on the epoch: old hints and late duplicates change nothing; the
-- same worker asking again for the same epoch is told yes again. Effects start only after `claimed` was answered.
-- `full`: parked until its limiter has room. `paused`: parked until the run is resumed.
create or replace function claim(
  p_run uuid, p_step text, p_epoch int, p_worker int, p_seen int,
  out outcome text, out epoch int, out attempt int, out crashes int, out run_seq int, out run_version int, out cancel boolean, out missed json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare r record; s record; l record; v_room int;
begin
  select owner, epoch, n, due_at, limit_key into s from step where run_id = p_run and key = p_step;
  if (s.epoch = p_epoch and s.owner is null and s.due_at <= clock_timestamp() or s.epoch = p_epoch + 1 and s.owner = p_worker and s.n = 0) is not true then
    outcome := 'taken'; return;                                                              -- most doubled hints end here: no lock, no xid, no flush
  end if;
  select seq, version, state, cancel_at, paused_at, project_id into r from run where id = p_run for no key update;
  if r.state is null or r.state in ('succeeded', 'failed', 'cancelled') then outcome := 'over'; return; end if;
  if not exists (select from worker where id = p_worker and dead_at is null) then outcome := 'dead'; return; end if;   -- read without lock: see sweep
  select owner, epoch, n, due_at, parked_at, state, limit_key, attempt, crashes into s from step where run_id = p_run and key = p_step for no key update;
  run_version := r.version; cancel := r.cancel_at is not null; attempt := s.attempt; crashes := s.crashes; epoch := p_epoch + 1; run_seq := r.seq;
  if s.epoch = p_epoch + 1 and s.owner = p_worker and s.n = 0 then
    outcome := 'claimed'; missed := structural_events(p_run, p_seen); return;
  end if;
  if (s.epoch = p_epoch and s.owner is null and s.due_at <= clock_timestamp()) is not true then outcome := 'taken'; return; end if;
  if r.paused_at is not null and r.cancel_at is null then outcome := 'paused'; end if;
  if outcome is null and s.limit_key is not null then
    select max, per_seconds into l from limiter where key = s.limit_key for no key update;
    if found then
      v_room := limiter_room(s.limit_key, l.max, l.per_seconds) - case when s.parked_at is not null then 0
                else (select count(*) from step where limit_key = s.limit_key and parked_at is not null and due_at is not null) end;
      if v_room <= 0 then outcome := 'full';
      elsif l.per_seconds is not null then perform note_begin(s.limit_key, l.per_seconds, p_run, r.project_id);
      end if;
    end if;
  end if;
  if outcome is not null then
    update step set due_at = null, rung_at = null, parked_at = coalesce(s.parked_at, clock_timestamp()) where run_id = p_run and key = p_step;
    return;
  end if;
  update step set epoch = p_epoch + 1, n = 0, owner = p_worker, due_at = null, rung_at = null, parked_at = null, state = 'running' where run_id = p_run and key = p_step;
  insert into event (run_id, project_id, seq, kind, step_key, epoch, n, at, data)
    values (p_run, r.project_id, r.seq + 1, 'step.started', p_step, p_epoch + 1, 0, clock_timestamp(), json_strip_nulls(json_build_object(
      'attempt', s.attempt, 'crashes', s.crashes, 'worker', p_worker,
      'after', case when s.state = 'running' then 'worker_lost' when s.state = 'waiting' then 'wait' when s.attempt > 1 then 'retry' end)));
  update run set seq = r.seq + 1 where id = p_run;
  outcome := 'claimed'; run_seq := r.seq + 1; missed := structural_events(p_run, p_seen);
end $$;

-- pulse: renews every lease of the worker. No row: it is dead. One row with nulls: alive, holding nothing.
drop function pulse(int);
create function pulse(p_worker int) returns table (run_id uuid, step_key text, epoch int, stop boolean, paused boolean)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update worker set alive_until = clock_timestamp() + interval '10 s', free_since = null where id = p_worker and dead_at is null;
  if not found then return; end if;
  return query select s.run_id, s.key, s.epoch, s.stop_at is not null or r.cancel_at is not null, r.paused_at is not null
    from (values (1)) alive(one) left join (step s join run r on r.id = s.run_id) on s.owner = p_worker;
end $$;

-- wake: an answer for a step that waits. It is used once: the epoch moves. Null epoch: the step no longer waits under this one.
drop function wake(uuid, text, int, text, text);
create function wake(p_run uuid, p_step text, p_epoch int, p_kinds text[], p_data text[], p_sha bytea[], p_media text[], p_bytes bytea[],
  out new_epoch int, out run_seq int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare r record;
begin
  select seq, state, project_id into r from run where id = p_run for no key update;
  if not found then raise exception 'run % is not in the journal', p_run using errcode = 'SY003'; end if;
  perform from step where run_id = p_run and key = p_step for no key update;
  update step set due_at = clock_timestamp(), rung_at = null, parked_at = null, epoch = epoch + 1
   where run_id = p_run and key = p_step and epoch = p_epoch and state = 'waiting' and owner is null
     and parked_at is null and (due_at is null or due_at > clock_timestamp()) returning epoch into new_epoch;   -- not one that was answered and is not claimed yet
  if not found then return; end if;
  if p_sha <> '{}' then perform store_blobs(p_run, r.project_id, p_sha, p_media, p_bytes); end if;
  insert into event (run_id, project_id, seq, kind, step_key, data, at)
    select p_run, r.project_id, r.seq + e.i, e.kind, p_step, e.data::json, clock_timestamp() from unnest(p_kinds, p_data) with ordinality e(kind, data, i);
  run_seq := r.seq + cardinality(p_kinds);
  update run set seq = wake.run_seq, version = version + 1, bytes = bytes + pg_column_size(p_data) + pg_column_size(p_bytes) where id = p_run;
end $$;

-- request_cancel: no intent is recorded after it. Free steps end here, held ones are asked to stop; with none held the run ends.
-- `cancelled` · `cancelling` (also when it was asked for before) · `over` · `unknown`. Descendants: the caller's, and the sweep's if he dies.
drop function request_cancel(uuid, text, text);
create function request_cancel(p_run uuid, p_by text, p_reason text, out outcome text, out state text, out run_seq int, out hints json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare r record; v_free text[]; v_held boolean;
begin
  select seq, state, cancel_at, project_id, parent_run, parent_step, concurrency_key, trigger_kind into r from run where id = p_run for no key update;
  if not found then outcome := 'unknown'; return; end if;
  state := r.state; run_seq := r.seq;
  if r.state in ('succeeded', 'failed', 'cancelled') then outcome := 'over'; return; end if;
  if r.cancel_at is not null then outcome := 'cancelling'; return; end if;
  perform from step where run_id = p_run and state in ('queued', 'running', 'waiting') order by key for no key update;
  v_free := array(select key from step where run_id = p_run and state in ('queued', 'running', 'waiting') and owner is null order by key);
  v_held := exists (select from step where run_id = p_run and owner is not null);
  update step set state = 'cancelled', epoch = epoch + 1, due_at = null, parked_at = null where run_id = p_run and key = any (v_free);
  update step set stop_at = clock_timestamp() where run_id = p_run and owner is not null;
  insert into event (run_id, project_id, seq, kind, step_key, data, at)
    select p_run, r.project_id, r.seq + e.i, e.kind, e.key, e.data, clock_timestamp() from (
      select 'run.cancel_requested' kind, null key, json_strip_nulls(json_build_object('by', p_by, 'reason', p_reason)) data, 1 i
      union all select 'step.cancelled', f.key, '{}', 1 + f.i from unnest(v_free) with ordinality f(key, i)
      union all select 'run.cancelled', null, '{}', 2 + cardinality(v_free) where not v_held) e;
  run_seq := r.seq + 1 + cardinality(v_free) + (not v_held)::int;
  state := case when v_held then r.state else 'cancelled' end; outcome := case when v_held then 'cancelling' else 'cancelled' end;
  update run u set seq = request_cancel.run_seq, version = u.version + 1, cancel_at = clock_timestamp(), state = request_cancel.state,
         ended_at = case when not v_held then clock_timestamp() end where u.id = p_run;
  if not v_held then
    perform raise_alarm(p_run, r.project_id, r.trigger_kind, 'cancelled');
    hints := after_end(r.parent_run, r.parent_step, r.concurrency_key);
  end if;
end $$;

-- request_pause: after it no step of the run is claimed; held ones go on. `paused` (also when it was) · `over` · `unknown`.
create function request_pause(p_run uuid, p_by text, out outcome text, out state text, out run_seq int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare r record;
begin
  select seq, state, paused_at, project_id into r from run where id = p_run for no key update;
  if not found then outcome := 'unknown'; return; end if;
  state := r.state; run_seq := r.seq;
  if r.state in ('succeeded', 'failed', 'cancelled') then outcome := 'over'; return; end if;
  outcome := 'paused';
  if r.paused_at is not null then return; end if;
  run_seq := r.seq + 1;
  insert into event (run_id, project_id, seq, kind, data, at)
    values (p_run, r.project_id, r.seq + 1, 'run.paused', json_build_object('by', p_by), clock_timestamp());
  update run u set seq = r.seq + 1, version = u.version + 1, paused_at = clock_timestamp() where u.id = p_run;
end $$;

-- Fair: of each pipeline at most a window of steps is rung and unclaimed, as many more as its weight says, and the pipelines take
-- turns. The window follows what the workers hold, so that the bells of a thousand runs of one pipeline do not stand before those
-- of another for longer than the work in hand takes a few times.
create function ring_due() returns table (run_id uuid, step_key text, epoch int) language plpgsql as $$
#variable_conflict use_column
declare v_window int; v_now timestamptz := clock_timestamp();
begin
  select 32 + count(*) into v_window from step where owner is not null;
  return query
    with recursive line as (                                                                 -- pipelines with something due, one probe of the index each
      (select pipeline_id from step where due_at is not null order by pipeline_id limit 1)
      union all select (select s.pipeline_id from step s where s.due_at is not null and s.pipeline_id > l.pipeline_id order by s.pipeline_id limit 1)
        from line l where l.pipeline_id is not null),
    share as (
      select l.pipeline_id, w.weight, v_window * w.weight - (select count(*) from (
               select rung_at from step where pipeline_id = l.pipeline_id and due_at < v_now order by due_at limit 8 * v_window * w.weight) f
                where f.rung_at > v_now - interval '5 s') as room
        from line l cross join lateral (
          select r.weight from step s join run r on r.id = s.run_id
           where s.pipeline_id = l.pipeline_id and s.due_at < v_now order by s.due_at limit 1) w),
    chosen as (
      select c.run_id, c.key, c.priority, c.place::float8 / share.weight as turn, c.due_at from share cross join lateral (
        select d.run_id, d.key, d.priority, d.due_at, row_number() over (order by d.due_at) as place from (
          select s.run_id, s.key, s.priority, s.due_at from step s
           where s.pipeline_id = share.pipeline_id and s.due_at < v_now
             and (s.rung_at < v_now - interval '30 s' or s.rung_at is null and s.due_at < v_now - interval '500 ms')
           order by s.due_at limit greatest(share.room, 0)) d) c
      order by c.priority desc, turn, c.due_at limit 500),
    mine as (
      select s.run_id, s.key, c.priority, c.turn, c.due_at from chosen c join step s on s.run_id = c.run_id and s.key = c.key
       where s.due_at is not null for no key update of s skip locked),
    rung as (
      update step s set rung_at = clock_timestamp() from mine m where s.run_id = m.run_id and s.key = m.key
        returning s.run_id, s.key, s.epoch, m.priority, m.turn, m.due_at)
    select r.run_id, r.key, r.epoch from rung r order by r.priority desc, r.turn, r.due_at;
end $$;

-- sweep: one at a time, never waiting for a row. It decides nothing: it sets free what nobody alive holds, lets go what has room
-- again, names what is due and was not claimed, already marked as rung, and children to cancel (a row without step). The caller
-- rings, in this order, and cancels. p_worker, who asks, does not judge itself: its own session would get its own lock.
-- Plans: what it looks for is mostly not there, and its indexes hold just that; statistics of tables that fill and empty within
-- seconds say otherwise.
create or replace function sweep(p_worker int) returns table (run_id uuid, step_key text, epoch int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare v record;
begin
  if not pg_try_advisory_xact_lock(21337, 0) then return; end if;
  perform bury(id) from worker where dead_at is null and id <> p_worker;
  return query update step s set epoch = s.epoch + 1, owner = null, due_at = clock_timestamp(), rung_at = clock_timestamp(), crashes = s.crashes + 1
    from (select h.run_id, h.key from step h where h.owner is not null
             and not exists (select from worker w where w.id = h.owner and w.dead_at is null) for no key update of h skip locked) lost
   where s.run_id = lost.run_id and s.key = lost.key returning s.run_id, s.key, s.epoch;
  -- children whose parent, or the step that waits for them, was cancelled by somebody who died before he told them
  return query select c.id, null::text, null::int from run c join run p on p.id = c.parent_run
   where c.parent_run is not null and c.ended_at is null and c.cancel_at is null
     and (p.cancel_at is not null or exists (select from step t where t.run_id = c.parent_run and t.key = c.parent_step and t.state = 'cancelled'))
   limit 20;
  for v in select distinct concurrency_key, case when concurrency_key is null then rate_key end as rate from run where state = 'queued' limit 100 loop
    perform from limiter where key = coalesce('run/' || v.concurrency_key, v.rate) for no key update skip locked;
    if found then return query select a.run_id, a.step_key, a.epoch from admit(v.concurrency_key, v.rate) a; end if;
  end loop;
  for v in select distinct limit_key from step where limit_key is not null and parked_at is not null and due_at is null limit 100 loop
    perform from limiter where key = v.limit_key for no key update skip locked;
    if found then return query select u.run_id, u.step_key, u.epoch from unpark(v.limit_key) u; end if;
  end loop;
  if (select true from step where due_at is not null order by pipeline_id, due_at limit 1) then return query select * from ring_due(); end if;
end $$;

-- The role the product works as, with what is new here; see the first journal migration.
create or replace function grant_app_role() returns boolean language plpgsql as $$
declare v_function regprocedure;
begin
  if not exists (select from pg_roles where rolname = 'switchyard_app') then
    begin
      create role switchyard_app nologin;
    exception when insufficient_privilege then return false;
              when duplicate_object or unique_violation then null;                           -- another database's migration was faster
    end;
  end if;
  if not pg_has_role(current_user, 'switchyard_app', case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) then
    begin
      execute format('grant switchyard_app to %I', current_user);
    exception when insufficient_privilege or internal_error then null;                       -- an administrator may grant it later; or granted this moment by another database's start
    end;
  end if;
  grant usage on schema public to switchyard_app;
  grant select on all tables in schema public to switchyard_app;
  grant insert, update, delete on project, "user", pipeline, webhook, schedule, limiter, model_connection, credential, api_token, document to switchyard_app;
  grant insert, update (number) on revision to switchyard_app;                                 -- a document never changes
  grant delete on alarm to switchyard_app;
  for v_function in                                                                            -- ours alone, not those of extensions or of the queue
    select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole
       and p.proname not in ('is_structural', 'refuse_change')
       and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  loop
    execute format('revoke all on function %s from public', v_function);
    if (select prosecdef from pg_proc where oid = v_function) then execute format('grant execute on function %s to switchyard_app', v_function); end if;
  end loop;
  return true;
end $$;
select grant_app_role();
