-- Bells in dead hands. A bell that a worker had rung, or taken out of the queue, and not answered when it died was believed for
-- 30 s: after two deaths in a row a step waited that long. A death is rare, so it makes every unanswered bell ring again.
-- bury: whoever calls a worker dead holds that worker's own lock until he commits, or its time is up. A living worker is looked
-- at without a row lock: four looks a second would each write a page.
create or replace function bury(p_worker int) returns boolean language plpgsql as $$
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
  update step s set rung_at = null from (select h.run_id, h.key from step h where h.due_at is not null and h.owner is null and h.rung_at is not null
      for no key update of h skip locked) due
   where s.run_id = due.run_id and s.key = due.key;
  return true;
end $$;
