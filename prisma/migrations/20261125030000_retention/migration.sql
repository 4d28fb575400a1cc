-- Retention: what goes, and how. Whole families of ended runs, values that nobody refers to, workers long dead.

-- Blobs that lost their last reference, and when. Who copies events of a run that is pruned this moment still finds its values:
-- they go after ten minutes, and only if nobody refers to them by then.
CREATE TABLE "blob_loose" (
    "sha" BYTEA NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "blob_loose_pkey" PRIMARY KEY ("sha")
);

-- The least UUIDv7 of a time: what began before it has a lesser id.
create function uuid_floor(p_at timestamptz) returns uuid language sql stable
return (lpad(to_hex(greatest(floor(extract(epoch from p_at) * 1000), 0)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- True when no descendant of this ended root lives, ended after p_before, or has an alarm that is still open, nor has the root one.
create function family_rests(p_root uuid, p_before timestamptz) returns boolean language sql stable as $$
  select not exists (select from alarm where run_id = p_root)
     and not exists (select from run c where c.root_run = p_root and c.parent_run is not null
                        and (c.ended_at is null or c.ended_at >= p_before or exists (select from alarm a where a.run_id = c.id)));
$$;

-- Roots whose family may go: it rests, and it is older than its pipeline keeps runs or beyond the bytes it may hold (oldest first,
-- never the newest). The pipeline of the root decides for its family.
create function expired_roots(p_limit int) returns setof uuid language sql stable as $$
  select e.id from (
    select old.id from pipeline p
        cross join lateral (select clock_timestamp() - p.keep_days * interval '1 day' as before) b
        cross join lateral (
          select r.id from run r
           where r.pipeline_id = p.id and r.parent_run is null and r.id < uuid_floor(b.before) and r.ended_at < b.before and family_rests(r.id, b.before)
           order by r.id limit p_limit) old
     where p.keep_days is not null
    union
    select big.id from pipeline p cross join lateral (
        select f.id from (select r.id, row_number() over newest as place,
                                 sum(r.bytes + (select coalesce(sum(c.bytes), 0) from run c where c.root_run = r.id and c.parent_run is not null)) over newest as upto
                            from run r where r.pipeline_id = p.id and r.parent_run is null and r.ended_at is not null
                          window newest as (order by r.id desc rows unbounded preceding)) f
         where f.upto > p.keep_bytes and f.place > 1 and family_rests(f.id, 'infinity') order by f.id limit p_limit) big
     where p.keep_bytes is not null) e
   order by e.id limit p_limit;
$$;

-- prune: one at a time, one batch. An ended run never changes and gets no child, so nothing can come to a family that is found
-- ended. Answers with what went; all zeros: nothing is left to do now, or another prunes.
create function prune(p_families int, out runs int, out run_bytes bigint, out blobs int, out blob_bytes bigint)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_family uuid[]; v_loose bytea[];
begin
  runs := 0; run_bytes := 0; blobs := 0; blob_bytes := 0;
  if not pg_try_advisory_xact_lock(21340, 0) then return; end if;
  perform set_config('switchyard.retention', 'on', true);
  v_family := array(select expired_roots(p_families));
  v_family := v_family || array(select id from run where root_run = any (v_family) and parent_run is not null);
  if v_family <> '{}' then
    delete from event where run_id = any (v_family);
    delete from step where run_id = any (v_family);
    delete from limiter_use where run_id = any (v_family);
    update firing set run_id = null where run_id = any (v_family);                            -- its time was fired all the same
    if to_regclass('public.webhook_delivery') is not null then
      execute 'update webhook_delivery set run_id = null where run_id = any ($1)' using v_family;
    end if;
    with gone as (delete from blob_ref where run_id = any (v_family) returning sha) select array_agg(distinct sha) into v_loose from gone;
    insert into blob_loose (sha, at) select l.sha, clock_timestamp() from unnest(v_loose) l(sha) where not exists (select from blob_ref b where b.sha = l.sha)
      on conflict (sha) do update set at = excluded.at;
    with gone as (delete from run where id = any (v_family) returning bytes) select count(*), coalesce(sum(bytes), 0) into runs, run_bytes from gone;
  end if;
  v_loose := array(select l.sha from (                                                        -- at most 200 MB at once: a value lies in pieces of 2 KB
      select o.sha, coalesce(b.size, 0) as size, sum(coalesce(b.size, 0)) over (order by o.sha rows unbounded preceding) as upto
        from (select sha from blob_loose where at < clock_timestamp() - interval '10 minutes' order by sha limit 200) o left join blob b on b.sha = o.sha) l
     where l.upto - l.size < 200000000);
  if v_loose <> '{}' then
    perform from blob where sha = any (v_loose) order by sha for update;                      -- who refers to one meanwhile waits here, or made us wait
    with gone as (delete from blob b where b.sha = any (v_loose) and not exists (select from blob_ref r where r.sha = b.sha) returning size)
      select count(*), coalesce(sum(size), 0) into blobs, blob_bytes from gone;
    delete from blob_loose where sha = any (v_loose);
  end if;
  delete from worker w where w.dead_at < clock_timestamp() - interval '7 days' and not exists (select from step s where s.owner = w.id);
end $$;

select grant_app_role();
