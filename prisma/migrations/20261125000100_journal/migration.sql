-- The write path of runs. Guarantee of every function: all or nothing, READ COMMITTED, safe to send again.
-- Lock order everywhere: run, steps of that run by key, limiter, then rows of other runs. The sweep takes rows with SKIP LOCKED only.
-- A test that may race with a writer comes in a new statement after the lock: within one statement Postgres would test the old snapshot.
-- Errors of our own: SY001 live steps in a run that ends · SY002 the journal is insert-only · SY003 unknown run · SY004 published anew while firing.

-- What the planner must know of (isStructural in packages/pipeline); the rest is read by the step that wrote it.
create function is_structural(p_kind text) returns boolean language sql immutable parallel safe
return p_kind like 'run.%' or p_kind like 'step.%' or p_kind like 'approval.%';

-- Structural events after `p_seen` in the form the client parses. json, not jsonb: data stays verbatim.
create function structural_events(p_run uuid, p_seen int) returns json language sql stable as $$
  select json_agg(json_build_object('seq', e.seq, 'kind', e.kind, 'stepKey', e.step_key, 'epoch', e.epoch, 'n', e.n, 'at', e.at, 'data', e.data) order by e.seq)
    from event e where e.run_id = p_run and e.seq > p_seen and is_structural(e.kind);
$$;

-- Values by content, before the event that names them. In order of their hash, so that two writers of the same blobs do not deadlock.
create function store_blobs(p_run uuid, p_project uuid, p_sha bytea[], p_media text[], p_bytes bytea[]) returns void language plpgsql as $$
begin
  insert into blob (sha, project_id, size, media_type, bytes, touched_at)
    select b.sha, p_project, length(b.bytes), b.media, b.bytes, clock_timestamp()
      from (select distinct on (x.sha) x.sha, x.media, x.bytes from unnest(p_sha, p_media, p_bytes) x(sha, media, bytes) order by x.sha) b
    on conflict (sha) do update set touched_at = clock_timestamp() where blob.touched_at < clock_timestamp() - interval '1 day';
  insert into blob_ref (run_id, project_id, sha) select p_run, p_project, x.sha from unnest(p_sha) x(sha) on conflict do nothing;
end $$;

-- A run that ended makes the step that waits for it due. The parent's step is locked by its key first and tested after.
create function wake_parent(p_parent uuid, p_step text) returns void language plpgsql as $$
begin
  perform from step where run_id = p_parent and key = p_step for no key update;
  update step set due_at = clock_timestamp() where run_id = p_parent and key = p_step and state = 'waiting' and due_at is null;
end $$;

-- Lets parked steps go while their limiter has room. The caller's own step is already updated; claims count again.
create function unpark(p_limit text) returns void language plpgsql as $$
declare v_room int;
begin
  select max into v_room from limiter where key = p_limit for no key update;
  v_room := v_room - (select count(*) from step where limit_key = p_limit and owner is not null);
  update step s set due_at = clock_timestamp(), parked_at = null
    from (select run_id, key from step where limit_key = p_limit and parked_at is not null
           order by priority desc, parked_at limit greatest(v_room, 0) for no key update skip locked) next
   where s.run_id = next.run_id and s.key = next.key;
end $$;

-- start_run: 2xx may be answered once this has committed. The same run id or (pipeline, dedup key) gives the same run, also
-- when callers race: `on conflict` waits for the other inserter.
create function start_run(
  p_run uuid, p_project uuid, p_pipeline uuid, p_revision uuid, p_published boolean, p_dedup text, p_node text, p_trigger text,
  p_kinds text[], p_keys text[], p_data text[], p_open text[], p_run_state text,
  p_sha bytea[], p_media text[], p_bytes bytea[],
  out outcome text, out run_id uuid, out run_seq int) language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_stale boolean;
begin
  v_stale := p_published and not exists (select from pipeline where id = p_pipeline and published_revision_id = p_revision and removed_at is null);
  if not v_stale then
    insert into run (id, project_id, pipeline_id, revision_id, root_run, dedup_key, trigger_node, trigger_kind, state, seq, version, ended_at)
      values (p_run, p_project, p_pipeline, p_revision, p_run, p_dedup, p_node, p_trigger, coalesce(p_run_state, 'running'), cardinality(p_kinds), 1,
              case when p_run_state in ('succeeded', 'failed', 'cancelled') then clock_timestamp() end)
      on conflict do nothing;
  end if;
  if v_stale or not found then
    select 'exists', r.id, r.seq into outcome, run_id, run_seq from run r
     where r.id = p_run or (r.pipeline_id = p_pipeline and r.dedup_key = p_dedup) limit 1;
    if not found then outcome := 'stale_revision'; end if;
    return;
  end if;
  if p_sha <> '{}' then perform store_blobs(p_run, p_project, p_sha, p_media, p_bytes); end if;
  insert into event (run_id, project_id, seq, kind, step_key, data, at)
    select p_run, p_project, e.i, e.kind, e.key, e.data::json, clock_timestamp() from unnest(p_kinds, p_keys, p_data) with ordinality e(kind, key, data, i);
  insert into step (run_id, project_id, key, state, due_at) select p_run, p_project, o.key, 'queued', clock_timestamp() from unnest(p_open) o(key);
  outcome := 'started'; run_id := p_run; run_seq := cardinality(p_kinds);
end $$;

-- append: the only way to write events of a running run. p_version null: inside a step, in any order among lanes; else the
-- version the decision was computed from. p_n null: a due pure step, claimed and finished at once.
--   done    written                                  already  this very (epoch, n) is in the journal: an earlier send
--   lost    the lease is not ours any more           over     the run has ended
--   stopped an intent after a cancel or a stop       behind   the version, or a touched step, moved: `missed` and `live` say what is now
create function append(
  p_run uuid, p_worker int, p_step text, p_epoch int, p_n int, p_version int, p_seen int, p_intent boolean,
  p_kinds text[], p_keys text[], p_data text[], p_state text, p_due_ms float8,
  p_open text[], p_mine boolean[], p_limits text[], p_touch text[], p_touch_epoch int[], p_touch_to text[], p_run_state text,
  p_sha bytea[], p_media text[], p_bytes bytea[],
  out outcome text, out run_seq int, out run_version int, out missed json, out live json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare r record; s record; v_limit text; v_started text[];
begin
  select seq, version, state, cancel_at, project_id, parent_run, parent_step into r from run where id = p_run for no key update;   -- the turnstile
  if not found then raise exception 'run % is not in the journal', p_run using errcode = 'SY003'; end if;
  outcome := case when r.state in ('succeeded', 'failed', 'cancelled') then 'over'
                  when p_intent and r.cancel_at is not null then 'stopped'
                  when p_version <> r.version then 'behind' end;
  if outcome is null and p_touch <> '{}' then
    perform from step where run_id = p_run and key = any (p_touch) order by key for no key update;
    if cardinality(p_touch) <> (select count(*) from step t join unnest(p_touch, p_touch_epoch, p_touch_to) x(key, epoch, to_state) on t.key = x.key and t.epoch = x.epoch
                                 where t.run_id = p_run and (t.state = 'waiting' or t.state in ('queued', 'running') and x.to_state <> 'due')) then outcome := 'behind'; end if;
  end if;
  if outcome is null and p_step is not null then                                             -- the fence
    update step set n = coalesce(p_n, 0) + 1, epoch = p_epoch + (p_n is null)::int, state = coalesce(p_state, state), rung_at = null,
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
  if p_open <> '{}' then                                                                     -- the primary key is the last guard against opening twice
    insert into step (run_id, project_id, key, state, epoch, owner, due_at, limit_key)
      select p_run, r.project_id, o.key, case when o.mine then 'running' else 'queued' end, o.mine::int, case when o.mine then p_worker end,
             case when not o.mine then clock_timestamp() end, o.limit_key from unnest(p_open, p_mine, p_limits) o(key, mine, limit_key);
  end if;
  v_started := array(select e.key from unnest(p_kinds, p_keys) e(kind, key) where e.kind = 'step.started');
  insert into event (run_id, project_id, seq, kind, step_key, epoch, n, data, at)            -- epoch and n of the step the event is about, not of the speaker
    select p_run, r.project_id, r.seq + e.i, e.kind, e.key,
           case when e.key = p_step then p_epoch + (p_n is null)::int when e.key = any (v_started) then 1 end,
           case when e.key = p_step then coalesce(p_n, 0) when e.key = any (v_started) then 0 end, e.data::json, clock_timestamp()
      from unnest(p_kinds, p_keys, p_data) with ordinality e(kind, key, data, i);
  outcome := 'done'; run_seq := r.seq + cardinality(p_kinds); run_version := r.version + (p_version is not null)::int;
  update run set seq = run_seq, version = run_version, state = coalesce(p_run_state, state),
         ended_at = case when p_run_state in ('succeeded', 'failed', 'cancelled') then clock_timestamp() else ended_at end,
         cancel_at = case when 'run.cancel_requested' = any (p_kinds) then clock_timestamp() else cancel_at end where id = p_run;
  if v_limit is not null and p_state is not null then perform unpark(v_limit); end if;
  if p_run_state in ('succeeded', 'failed', 'cancelled') then
    if exists (select from step where run_id = p_run and state in ('queued', 'running', 'waiting')) then
      raise exception 'run % cannot end: it has live steps', p_run using errcode = 'SY001';
    end if;
    if r.parent_run is not null then perform wake_parent(r.parent_run, r.parent_step); end if;
  elsif p_state = 'waiting' and p_due_ms is null and exists (select from run where parent_run = p_run and parent_step = p_step and ended_at is not null)
        and not exists (select from run where parent_run = p_run and parent_step = p_step and ended_at is null) then
    update step set due_at = clock_timestamp() where run_id = p_run and key = p_step;        -- the child ended before its parent began to wait
  end if;
end $$;

-- claim: the hint names (run, step, epoch). Compare-and-set on the epoch: old hints and late duplicates change nothing; the
-- same worker asking again for the same epoch is told yes again. Effects start only after `claimed` was answered.
create function claim(
  p_run uuid, p_step text, p_epoch int, p_worker int, p_seen int,
  out outcome text, out epoch int, out attempt int, out crashes int, out run_seq int, out run_version int, out cancel boolean, out missed json)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare r record; s record; t record; v_max int;
begin
  select owner, epoch, n, due_at, limit_key into s from step where run_id = p_run and key = p_step;
  if (s.epoch = p_epoch and s.owner is null and s.due_at <= clock_timestamp() or s.epoch = p_epoch + 1 and s.owner = p_worker and s.n = 0) is not true then
    outcome := 'taken'; return;                                                              -- most doubled hints end here: no lock, no xid, no flush
  end if;
  select seq, version, state, cancel_at, project_id into r from run where id = p_run for no key update;
  if r.state is null or r.state in ('succeeded', 'failed', 'cancelled') then outcome := 'over'; return; end if;
  if not exists (select from worker where id = p_worker and dead_at is null) then outcome := 'dead'; return; end if;   -- read without lock: see sweep
  select owner, epoch, n, due_at, state, limit_key, attempt, crashes into s from step where run_id = p_run and key = p_step for no key update;
  run_version := r.version; cancel := r.cancel_at is not null; attempt := s.attempt; crashes := s.crashes; epoch := p_epoch + 1; run_seq := r.seq;
  if s.epoch = p_epoch + 1 and s.owner = p_worker and s.n = 0 then
    outcome := 'claimed'; missed := structural_events(p_run, p_seen); return;
  end if;
  if (s.epoch = p_epoch and s.owner is null and s.due_at <= clock_timestamp()) is not true then outcome := 'taken'; return; end if;
  if s.limit_key is not null then
    select max into v_max from limiter where key = s.limit_key for no key update;
    if v_max <= (select count(*) from step where limit_key = s.limit_key and owner is not null) then
      update step set due_at = null, parked_at = clock_timestamp() where run_id = p_run and key = p_step;
      outcome := 'full'; return;
    end if;
  end if;
  update step set epoch = p_epoch + 1, n = 0, owner = p_worker, due_at = null, rung_at = null, state = 'running' where run_id = p_run and key = p_step;
  insert into event (run_id, project_id, seq, kind, step_key, epoch, n, at, data)
    values (p_run, r.project_id, r.seq + 1, 'step.started', p_step, p_epoch + 1, 0, clock_timestamp(), json_strip_nulls(json_build_object(
      'attempt', s.attempt, 'crashes', s.crashes, 'worker', p_worker,
      'after', case when s.state = 'running' then 'worker_lost' when s.state = 'waiting' then 'wait' when s.attempt > 1 then 'retry' end)));
  update run set seq = r.seq + 1 where id = p_run;
  outcome := 'claimed'; run_seq := r.seq + 1; missed := structural_events(p_run, p_seen);
end $$;

-- register_worker: a new id, with its advisory lock held by this session before the row exists. p_locks false: the session
-- cannot keep a lock (transaction pooler); then only the time-out tells of its death.
create function register_worker(p_build text, p_locks boolean) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_id int := nextval(pg_get_serial_sequence('worker', 'id'));
begin
  if p_locks then perform pg_advisory_lock(21337, v_id); end if;
  insert into worker (id, server, alive_until, build)
    values (v_id, case when p_locks then pg_postmaster_start_time() else 'epoch' end, clock_timestamp() + interval '10 s', p_build);
  return v_id;
end $$;

-- attach_worker: after a lost session. False: declared dead meanwhile; drop everything and register anew. Waits for the lock:
-- it may be in a sweeper's hand, or in that of a session Postgres has not given up yet.
create function attach_worker(p_worker int, p_locks boolean) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if p_locks then perform pg_advisory_lock(21337, p_worker); end if;
  update worker set server = case when p_locks then pg_postmaster_start_time() else 'epoch' end, free_since = null, alive_until = clock_timestamp() + interval '10 s'
   where id = p_worker and dead_at is null;
  return found;
end $$;

-- pulse: renews every lease of the worker. No row: it is dead. One row with nulls: alive, holding nothing.
create function pulse(p_worker int) returns table (run_id uuid, step_key text, epoch int, stop boolean)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update worker set alive_until = clock_timestamp() + interval '10 s', free_since = null where id = p_worker and dead_at is null;
  if not found then return; end if;
  return query select s.run_id, s.key, s.epoch, s.stop_at is not null or r.cancel_at is not null
    from (values (1)) alive(one) left join (step s join run r on r.id = s.run_id) on s.owner = p_worker;
end $$;

-- bury: whoever calls a worker dead holds that worker's own lock until he commits, or its time is up. A living worker is looked
-- at without a row lock: four looks a second would each write a page.
create function bury(p_worker int) returns boolean language plpgsql as $$
declare w record; v_free boolean := false;
begin
  select server, alive_until into w from worker where id = p_worker and dead_at is null;
  if not found then return false; end if;
  if w.alive_until > clock_timestamp() then
    if w.server <> pg_postmaster_start_time() then return false; end if;                     -- restart, failover or pooler: wait for the time-out
    v_free := pg_try_advisory_xact_lock(21337, p_worker);
    if not v_free then return false; end if;                                                 -- its session lives
  end if;
  select server, alive_until, free_since into w from worker where id = p_worker and dead_at is null for no key update skip locked;
  if not found then return false; end if;
  if w.alive_until > clock_timestamp() then                                                  -- two looks: a worker that attaches again clears the first
    if not v_free then return false; end if;                                                 -- it has just pulsed
    if w.free_since is null then update worker set free_since = clock_timestamp() where id = p_worker; return false; end if;
    if w.free_since > clock_timestamp() - interval '250 ms' then return false; end if;
  end if;
  update worker set dead_at = clock_timestamp() where id = p_worker;
  return true;
end $$;

-- sweep: one at a time, never waiting for a row. It decides nothing: it sets free what nobody alive holds and names what is
-- due and was not claimed, already marked as rung. The caller rings. p_worker, who asks, does not judge itself: its own session
-- would get its own lock.
create function sweep(p_worker int) returns table (run_id uuid, step_key text, epoch int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
begin
  if not pg_try_advisory_xact_lock(21337, 0) then return; end if;
  perform bury(id) from worker where dead_at is null and id <> p_worker;
  return query update step s set epoch = s.epoch + 1, owner = null, due_at = clock_timestamp(), rung_at = clock_timestamp(), crashes = s.crashes + 1
    from (select h.run_id, h.key from step h where h.owner is not null
             and not exists (select from worker w where w.id = h.owner and w.dead_at is null) for no key update of h skip locked) lost
   where s.run_id = lost.run_id and s.key = lost.key returning s.run_id, s.key, s.epoch;
  return query update step s set rung_at = clock_timestamp()
    from (select run_id, key from step where due_at < clock_timestamp()
             and (rung_at < clock_timestamp() - interval '30 s' or rung_at is null and due_at < clock_timestamp() - interval '500 ms')
           order by due_at limit 500 for no key update skip locked) due
   where s.run_id = due.run_id and s.key = due.key returning s.run_id, s.key, s.epoch;
  if exists (select from step where limit_key is not null and parked_at is not null) then
    perform unpark(key) from (select key from limiter for no key update skip locked) room;
  end if;
end $$;

-- release_steps: gives held steps back without counting a crash: one of them, or all with p_step null. `step_key` and the new
-- epoch of each, to ring for.
create function release_steps(p_worker int, p_run uuid, p_step text, p_epoch int) returns table (run_id uuid, step_key text, epoch int)
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  update step s set state = 'queued', owner = null, epoch = s.epoch + 1, due_at = clock_timestamp(), rung_at = null
    from (select h.run_id, h.key from step h where h.owner = p_worker and (p_step is null or h.run_id = p_run and h.key = p_step and h.epoch = p_epoch)
           order by h.run_id, h.key for no key update) mine
   where s.run_id = mine.run_id and s.key = mine.key and s.owner = p_worker returning s.run_id, s.key, s.epoch;
$$;

-- retire_worker: after release_steps; nobody need look for this worker again.
create function retire_worker(p_worker int) returns void language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  update worker set dead_at = clock_timestamp() where id = p_worker and dead_at is null;
$$;

-- wake: an answer for a step that waits. It is used once: the epoch moves. Null: the step no longer waits under this epoch.
create function wake(p_run uuid, p_step text, p_epoch int, p_kind text, p_data text) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare r record; v_epoch int;
begin
  select seq, state, project_id into r from run where id = p_run for no key update;
  if not found then raise exception 'run % is not in the journal', p_run using errcode = 'SY003'; end if;
  perform from step where run_id = p_run and key = p_step for no key update;
  update step set due_at = clock_timestamp(), rung_at = null, epoch = epoch + 1
   where run_id = p_run and key = p_step and epoch = p_epoch and state = 'waiting' and owner is null returning epoch into v_epoch;
  if not found then return null; end if;
  insert into event (run_id, project_id, seq, kind, step_key, data, at) values (p_run, r.project_id, r.seq + 1, p_kind, p_step, p_data::json, clock_timestamp());
  update run set seq = r.seq + 1, version = version + 1 where id = p_run;
  return v_epoch;
end $$;

-- request_cancel: no intent is recorded after it. Free steps end here, held ones are asked to stop; with none held the run ends.
-- `cancelled` · `cancelling` (also when it was asked for before) · `over` · `unknown`. Descendants are the caller's to go on with.
create function request_cancel(p_run uuid, p_by text, p_reason text, out outcome text, out state text, out run_seq int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare r record; v_free text[]; v_held boolean;
begin
  select seq, state, cancel_at, project_id, parent_run, parent_step into r from run where id = p_run for no key update;
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
  if not v_held and r.parent_run is not null then perform wake_parent(r.parent_run, r.parent_step); end if;
end $$;

-- fire: compare-and-set on next_fire, the firing's key and the run's dedup key, in one transaction: three servers, one run.
-- p_run null records the time as missed.
create function fire(
  p_schedule uuid, p_fire_at timestamptz, p_next timestamptz,
  p_run uuid, p_project uuid, p_pipeline uuid, p_revision uuid, p_node text, p_trigger text,
  p_kinds text[], p_keys text[], p_data text[], p_open text[], p_run_state text, p_sha bytea[], p_media text[], p_bytes bytea[], p_dedup text,
  out outcome text, out run_id uuid, out run_seq int)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if p_run is not null and not exists (select from pipeline where id = p_pipeline and published_revision_id = p_revision and removed_at is null) then
    outcome := 'stale_revision'; return;
  end if;
  update schedule set next_fire = p_next, last_fire = p_fire_at where id = p_schedule and next_fire = p_fire_at and enabled;
  if not found then outcome := 'taken'; return; end if;
  insert into firing (schedule_id, project_id, fire_at, outcome, run_id)
    select p_schedule, s.project_id, p_fire_at, case when p_run is null then 'missed' else 'fired' end, p_run from schedule s where s.id = p_schedule
    on conflict do nothing;
  if not found then outcome := 'taken'; return; end if;                                      -- this time was fired before the schedule was edited
  if p_run is null then outcome := 'missed'; return; end if;
  select s.outcome, s.run_id, s.run_seq into outcome, run_id, run_seq from start_run(p_run, p_project, p_pipeline, p_revision, true, p_dedup, p_node, p_trigger,
    p_kinds, p_keys, p_data, p_open, p_run_state, p_sha, p_media, p_bytes) s;
  if outcome = 'stale_revision' then raise exception 'published anew' using errcode = 'SY004'; end if;
  outcome := 'fired';
end $$;

-- Insert-only, even for the owner. Retention deletes whole ended runs after `set local switchyard.retention = 'on'`.
create function refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('switchyard.retention', true) = 'on' then return old; end if;
  raise exception 'the journal is insert-only' using errcode = 'SY002';
end $$;
create trigger event_insert_only before update or delete on event for each row execute function refuse_change();
create trigger event_no_truncate before truncate on event for each statement execute function refuse_change();

-- The role the product works as: it reads everything, writes the catalogue, and changes runs only through the functions above.
-- Called by this migration and again by every start of `migrate` (a role is the cluster's, its grants are the database's).
-- False: the role does not exist and may not be created; then the product works as the owner and says so.
create function grant_app_role() returns boolean language plpgsql as $$
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
  for v_function in
    select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole
       and p.proname in ('start_run', 'append', 'claim', 'register_worker', 'attach_worker', 'pulse', 'sweep', 'release_steps', 'retire_worker', 'wake',
                         'request_cancel', 'fire', 'bury', 'unpark', 'wake_parent', 'store_blobs', 'structural_events', 'grant_app_role')
  loop
    execute format('revoke all on function %s from public', v_function);
    if (select prosecdef from pg_proc where oid = v_function) then execute format('grant execute on function %s to switchyard_app', v_function); end if;
  end loop;
  return true;
end $$;
select grant_app_role();
