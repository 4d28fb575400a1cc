-- Triggers: policies of schedules and firings that say what they came to; deliveries of webhooks and their limits.
-- The guarantees are those of the journal's functions: all or nothing, READ COMMITTED, safe to send again.
-- Lock order: schedule, then what start_run locks. Nothing that holds a run ever asks for a schedule.

-- The owner's time zone, for schedules that name none. Null: that of the machine.
ALTER TABLE "user" ADD COLUMN "timezone" TEXT;

-- A schedule has a cron expression or an interval.
ALTER TABLE "schedule" ALTER COLUMN "cron" DROP NOT NULL,
  ADD COLUMN "every_seconds" INTEGER,
  ADD COLUMN "missed" TEXT NOT NULL DEFAULT 'last',
  ADD COLUMN "overlap" TEXT NOT NULL DEFAULT 'allow';
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_timing" CHECK (("cron" IS NULL) <> ("every_seconds" IS NULL));
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_missed" CHECK ("missed" IN ('skip', 'last', 'all'));
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_overlap" CHECK ("overlap" IN ('allow', 'skip', 'queue_one', 'cancel_running'));

-- What a firing came to: `fired` (a run began), `queued` (waits for the run before it), `skipped` (the run before it still went on, or the pipeline
-- had as many as it may), `missed` (nobody was there at the time).
ALTER TABLE "firing" ADD COLUMN "detail" TEXT;
ALTER TABLE "firing" DROP CONSTRAINT "firing_outcome";
ALTER TABLE "firing" ADD CONSTRAINT "firing_outcome" CHECK ("outcome" IN ('fired', 'queued', 'skipped', 'missed'));
CREATE UNIQUE INDEX "firing_queued" ON "firing"("schedule_id") WHERE "outcome" = 'queued';

ALTER TABLE "webhook" DROP CONSTRAINT "webhook_mode";
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_mode" CHECK ("mode" IN ('at_once', 'last_step', 'respond', 'stream'));

-- What came in at a webhook, the last 50 of each. The body stands here only when no run holds it.
CREATE TABLE "webhook_delivery" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "webhook_id" UUID NOT NULL,
    "run_id" UUID,
    "at" TIMESTAMPTZ(6) NOT NULL,
    "status" INTEGER NOT NULL,
    "body_bytes" BIGINT NOT NULL,
    "method" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "code" TEXT,
    "headers" JSON NOT NULL,
    "body" BYTEA,

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "webhook_delivery_newest" ON "webhook_delivery"("webhook_id", "id" DESC);
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_webhook_id_fkey" FOREIGN KEY ("webhook_id") REFERENCES "webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_outcome" CHECK ("outcome" IN ('started', 'repeated', 'refused'));

-- How often a webhook with a rate was called in the window that began at `since`.
CREATE TABLE "webhook_use" (
    "webhook_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "since" TIMESTAMPTZ(6) NOT NULL,
    "used" INTEGER NOT NULL,

    CONSTRAINT "webhook_use_pkey" PRIMARY KEY ("webhook_id")
);
ALTER TABLE "webhook_use" SET (fillfactor = 50);
ALTER TABLE "webhook_use" ADD CONSTRAINT "webhook_use_webhook_id_fkey" FOREIGN KEY ("webhook_id") REFERENCES "webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Living runs that a trigger of a pipeline began.
create function living_runs(p_pipeline uuid, p_node text) returns setof uuid
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select id from run where pipeline_id = p_pipeline and state in ('queued', 'running') and trigger_node = p_node;
$$;

-- fire: compare-and-set on next_fire, the firing's key and the run's dedup key, in one transaction: three servers, one run.
-- p_expected: the next_fire that was read; null: the firing at p_fire_at is queued and its turn may have come. p_missed: times that nobody
-- was there for, rising; p_missed_detail goes to the first of them. p_fire_at null: there is nothing but missed times.
--   fired · queued · skipped · missed   written
--   taken                               another server was faster, or the schedule is changed, disabled or gone
--   stale_revision                      published anew meanwhile
-- `hints`: what to ring for; null: all that was opened.
drop function fire(uuid, timestamptz, timestamptz, uuid, uuid, uuid, uuid, text, text, text[], text[], text[], text[], text, bytea[], text[], bytea[], text);
create function fire(
  p_schedule uuid, p_expected timestamptz, p_next timestamptz, p_missed timestamptz[], p_missed_detail text, p_fire_at timestamptz, p_detail text,
  p_run uuid, p_project uuid, p_pipeline uuid, p_revision uuid, p_node text, p_trigger text,
  p_kinds text[], p_keys text[], p_data text[], p_open text[], p_run_state text, p_sha bytea[], p_media text[], p_bytes bytea[],
  p_queue_max int, p_priority int, p_weight int, p_more jsonb, p_dedup text,
  out outcome text, out run_id uuid, out run_seq int, out hints json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare s record; v_busy boolean := false;
begin
  if p_run is not null and not exists (select from pipeline where id = p_pipeline and published_revision_id = p_revision and removed_at is null) then
    outcome := 'stale_revision'; return;
  end if;
  select pipeline_id, project_id, node, overlap, next_fire into s from schedule where id = p_schedule and enabled for no key update;
  if not found or p_expected is distinct from s.next_fire and p_expected is not null then outcome := 'taken'; return; end if;
  if p_fire_at is not null and s.overlap in ('skip', 'queue_one') then
    v_busy := exists (select from living_runs(s.pipeline_id, s.node));
  end if;
  if p_expected is null then
    perform from firing where schedule_id = p_schedule and fire_at = p_fire_at and outcome = 'queued';
    if not found then outcome := 'taken'; return; end if;
    if v_busy then outcome := 'queued'; return; end if;
    update firing set outcome = 'fired', run_id = p_run where schedule_id = p_schedule and fire_at = p_fire_at;
  else
    update schedule set next_fire = p_next, last_fire = coalesce(p_fire_at, last_fire) where id = p_schedule;
    insert into firing (schedule_id, project_id, fire_at, outcome, detail)
      select p_schedule, s.project_id, m.at, 'missed', case when m.i = 1 then p_missed_detail end from unnest(p_missed) with ordinality m(at, i)
      on conflict do nothing;
    if p_fire_at is null then outcome := 'missed'; return; end if;
    outcome := case when not v_busy then 'fired'
                    when s.overlap = 'queue_one' and not exists (select from firing where schedule_id = p_schedule and outcome = 'queued') then 'queued'
                    else 'skipped' end;
    insert into firing (schedule_id, project_id, fire_at, outcome, run_id, detail)
      values (p_schedule, s.project_id, p_fire_at, outcome, case when outcome = 'fired' then p_run end,
              case when outcome = 'fired' then p_detail else 'the run before it had not ended' end)
      on conflict do nothing;
    if not found then outcome := 'taken'; return; end if;                                    -- this time was fired before the schedule was edited
    if outcome <> 'fired' then return; end if;
  end if;
  select r.outcome, r.run_id, r.run_seq, r.hints into outcome, run_id, run_seq, hints
    from start_run(p_run, p_project, p_pipeline, p_revision, true, p_dedup, p_node, p_trigger,
                   p_kinds, p_keys, p_data, p_open, p_run_state, p_sha, p_media, p_bytes, p_queue_max, p_priority, p_weight, p_more) r;
  if outcome = 'stale_revision' then raise exception 'published anew' using errcode = 'SY004'; end if;
  if outcome = 'full' then
    update firing set outcome = 'skipped', run_id = null, detail = 'the pipeline had as many living runs as it may'
     where schedule_id = p_schedule and fire_at = p_fire_at;
    outcome := 'skipped';
  else
    outcome := 'fired';
  end if;
end $$;

-- Old firings go: what is older than a week, but for the newest 200 of each schedule. The times themselves never come again.
create function prune_firings() returns bigint
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  with gone as (
    delete from firing f using (select id, (select fire_at from firing n where n.schedule_id = s.id order by fire_at desc offset 200 limit 1) as before from schedule s) old
     where f.schedule_id = old.id and f.fire_at <= old.before and f.fire_at < clock_timestamp() - interval '7 days' and f.outcome <> 'queued' returning 1)
  select count(*) from gone;
$$;

-- note_deliveries: [{id, webhook, run, at, status, bytes, method, target, outcome, code, headers, body (base64)}]. Of each webhook the newest 50 stay.
create function note_deliveries(p_deliveries json) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  insert into webhook_delivery (id, project_id, webhook_id, run_id, at, status, body_bytes, method, target, outcome, code, headers, body)
    select d.id, w.project_id, w.id, d.run, d.at, d.status, d.bytes, d.method, d.target, d.outcome, d.code, d.headers, decode(d.body, 'base64')
      from json_to_recordset(p_deliveries) d(id uuid, webhook uuid, run uuid, at timestamptz, status int, bytes bigint, method text, target text, outcome text, code text,
                                             headers json, body text)
      join webhook w on w.id = d.webhook
    on conflict do nothing;
  delete from webhook_delivery o using (select distinct d.webhook from json_to_recordset(p_deliveries) d(webhook uuid)) w
   where o.webhook_id = w.webhook and o.id < (select n.id from webhook_delivery n where n.webhook_id = w.webhook order by n.id desc offset 49 limit 1);
$$;

-- take_hook: counts a call under the webhook's rate (p_max calls in p_seconds) and compares its living runs with p_living. Null: come in.
-- Else the seconds after which it is worth trying again; nothing is counted then.
create function take_hook(p_webhook uuid, p_max int, p_seconds float8, p_living int) returns float8
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare w record; v_use record; v_length interval := p_seconds * interval '1 second';
begin
  select pipeline_id, project_id, node into w from webhook where id = p_webhook;
  if not found then return null; end if;
  if p_living is not null and (select count(*) from (select from living_runs(w.pipeline_id, w.node) limit p_living) l) >= p_living then return 1; end if;
  if p_max is null then return null; end if;
  insert into webhook_use (webhook_id, project_id, since, used) values (p_webhook, w.project_id, clock_timestamp(), 0) on conflict do nothing;
  select since, used into v_use from webhook_use where webhook_id = p_webhook for no key update;
  if v_use.since + v_length <= clock_timestamp() then
    update webhook_use set since = clock_timestamp(), used = 1 where webhook_id = p_webhook;
  elsif v_use.used < p_max then
    update webhook_use set used = used + 1 where webhook_id = p_webhook;
  else
    return extract(epoch from v_use.since + v_length - clock_timestamp());
  end if;
  return null;
end $$;

select grant_app_role();
