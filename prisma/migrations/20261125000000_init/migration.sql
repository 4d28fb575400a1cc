-- The tables as `prisma migrate diff --from-empty --to-schema` writes them, but for the predicates of the partial indexes;
-- what Prisma cannot say follows at the end.

-- CreateTable
CREATE TABLE "project" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "project_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "user" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "pipeline" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "draft" JSON NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "published_revision_id" UUID,
    "published_number" INTEGER,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removed_at" TIMESTAMPTZ(6),

    CONSTRAINT "pipeline_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "revision" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "pipeline_id" UUID NOT NULL,
    "number" INTEGER,
    "hash" CHAR(64) NOT NULL,
    "document" JSON NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revision_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "run" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "pipeline_id" UUID NOT NULL,
    "revision_id" UUID NOT NULL,
    "parent_run" UUID,
    "root_run" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "ended_at" TIMESTAMPTZ(6),
    "cancel_at" TIMESTAMPTZ(6),
    "seq" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT NOT NULL,
    "trigger_node" TEXT NOT NULL,
    "trigger_kind" TEXT NOT NULL,
    "dedup_key" TEXT,
    "parent_step" TEXT,
    "concurrency_key" TEXT,

    CONSTRAINT "run_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event" (
    "run_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "at" TIMESTAMPTZ(6) NOT NULL,
    "seq" INTEGER NOT NULL,
    "epoch" INTEGER,
    "n" INTEGER,
    "kind_version" SMALLINT NOT NULL DEFAULT 1,
    "kind" TEXT NOT NULL,
    "step_key" TEXT,
    "data" JSON NOT NULL,

    CONSTRAINT "event_pkey" PRIMARY KEY ("run_id","seq")
);

-- CreateTable
CREATE TABLE "step" (
    "run_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "due_at" TIMESTAMPTZ(6),
    "rung_at" TIMESTAMPTZ(6),
    "stop_at" TIMESTAMPTZ(6),
    "parked_at" TIMESTAMPTZ(6),
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "crashes" INTEGER NOT NULL DEFAULT 0,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "n" INTEGER NOT NULL DEFAULT 0,
    "owner" INTEGER,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "key" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "limit_key" TEXT,

    CONSTRAINT "step_pkey" PRIMARY KEY ("run_id","key")
);

-- CreateTable
CREATE TABLE "worker" (
    "id" SERIAL NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "server" TIMESTAMPTZ(6) NOT NULL,
    "alive_until" TIMESTAMPTZ(6) NOT NULL,
    "free_since" TIMESTAMPTZ(6),
    "dead_at" TIMESTAMPTZ(6),
    "build" TEXT NOT NULL,

    CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "limiter" (
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "key" TEXT NOT NULL,
    "max" INTEGER NOT NULL,

    CONSTRAINT "limiter_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "blob" (
    "sha" BYTEA NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "touched_at" TIMESTAMPTZ(6) NOT NULL,
    "size" BIGINT NOT NULL,
    "media_type" TEXT NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "blob_pkey" PRIMARY KEY ("sha")
);

-- CreateTable
CREATE TABLE "blob_ref" (
    "run_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "sha" BYTEA NOT NULL,

    CONSTRAINT "blob_ref_pkey" PRIMARY KEY ("run_id","sha")
);

-- CreateTable
CREATE TABLE "schedule" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "pipeline_id" UUID NOT NULL,
    "next_fire" TIMESTAMPTZ(6),
    "last_fire" TIMESTAMPTZ(6),
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "node" TEXT NOT NULL,
    "cron" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,

    CONSTRAINT "schedule_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "firing" (
    "schedule_id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "run_id" UUID,
    "fire_at" TIMESTAMPTZ(6) NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "outcome" TEXT NOT NULL,

    CONSTRAINT "firing_pkey" PRIMARY KEY ("schedule_id","fire_at")
);

-- CreateTable
CREATE TABLE "webhook" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "pipeline_id" UUID NOT NULL,
    "token_sha" BYTEA NOT NULL,
    "deadline_seconds" INTEGER NOT NULL,
    "node" TEXT NOT NULL,
    "mode" TEXT NOT NULL,

    CONSTRAINT "webhook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "model_connection" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "name" TEXT NOT NULL,
    "base_url" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "dialect" TEXT NOT NULL,
    "price_prompt" DOUBLE PRECISION,
    "price_completion" DOUBLE PRECISION,
    "key_sealed" BYTEA,
    "is_default" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "model_connection_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "name" TEXT NOT NULL,
    "value_sealed" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_token" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "key_sha" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "document" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'::uuid,
    "slug" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "document_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "pipeline_project_id_slug_key" ON "pipeline"("project_id", "slug");

-- CreateIndex
CREATE UNIQUE INDEX "revision_pipeline_id_number_key" ON "revision"("pipeline_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "revision_pipeline_id_hash_key" ON "revision"("pipeline_id", "hash");

-- CreateIndex
CREATE INDEX "run_pipeline" ON "run"("pipeline_id", "id");

-- CreateIndex
CREATE INDEX "run_live" ON "run"("project_id", "id") WHERE "state" IN ('queued', 'running');

-- CreateIndex
CREATE INDEX "run_parent" ON "run"("parent_run") WHERE "parent_run" IS NOT NULL;

-- CreateIndex
CREATE INDEX "run_root" ON "run"("root_run") WHERE "parent_run" IS NOT NULL;

-- CreateIndex
CREATE INDEX "run_waiting_turn" ON "run"("concurrency_key", "priority" DESC, "id") WHERE "state" = 'queued';

-- CreateIndex
CREATE UNIQUE INDEX "run_dedup" ON "run"("pipeline_id", "dedup_key") WHERE "dedup_key" IS NOT NULL;

-- CreateIndex
CREATE INDEX "step_due" ON "step"("due_at") WHERE "due_at" IS NOT NULL;

-- CreateIndex
CREATE INDEX "step_held" ON "step"("owner") WHERE "owner" IS NOT NULL;

-- CreateIndex
CREATE INDEX "step_limited" ON "step"("limit_key") WHERE "limit_key" IS NOT NULL AND ("owner" IS NOT NULL OR "parked_at" IS NOT NULL);

-- CreateIndex
CREATE INDEX "blob_ref_sha" ON "blob_ref"("sha");

-- CreateIndex
CREATE INDEX "schedule_due" ON "schedule"("next_fire");

-- CreateIndex
CREATE UNIQUE INDEX "schedule_pipeline_id_node_key" ON "schedule"("pipeline_id", "node");

-- CreateIndex
CREATE UNIQUE INDEX "webhook_token_sha_key" ON "webhook"("token_sha");

-- CreateIndex
CREATE UNIQUE INDEX "webhook_pipeline_id_node_key" ON "webhook"("pipeline_id", "node");

-- CreateIndex
CREATE UNIQUE INDEX "model_connection_project_id_name_key" ON "model_connection"("project_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "credential_project_id_name_key" ON "credential"("project_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "api_token_key_sha_key" ON "api_token"("key_sha");

-- CreateIndex
CREATE UNIQUE INDEX "document_project_id_slug_key" ON "document"("project_id", "slug");

-- AddForeignKey
ALTER TABLE "revision" ADD CONSTRAINT "revision_pipeline_id_fkey" FOREIGN KEY ("pipeline_id") REFERENCES "pipeline"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_pipeline_id_fkey" FOREIGN KEY ("pipeline_id") REFERENCES "pipeline"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_pipeline_id_fkey" FOREIGN KEY ("pipeline_id") REFERENCES "pipeline"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Every append updates the run's row and its step's row: room on the page keeps these updates out of the indexes (HOT).
ALTER TABLE "run" SET (fillfactor = 50);
ALTER TABLE "step" SET (fillfactor = 70);
ALTER TABLE "worker" SET (fillfactor = 50);
-- Blobs are compressed by whoever made them or not at all; bytea is read whole.
ALTER TABLE "blob" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;

ALTER TABLE "run" ADD CONSTRAINT "run_state" CHECK ("state" IN ('queued', 'running', 'succeeded', 'failed', 'cancelled'));
ALTER TABLE "step" ADD CONSTRAINT "step_state" CHECK ("state" IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled'));
-- Held means running and in nobody's queue.
ALTER TABLE "step" ADD CONSTRAINT "step_held_runs" CHECK ("owner" IS NULL OR ("state" = 'running' AND "due_at" IS NULL));
-- What has ended is neither held nor due.
ALTER TABLE "step" ADD CONSTRAINT "step_ended_rests" CHECK ("state" IN ('queued', 'running', 'waiting') OR ("owner" IS NULL AND "due_at" IS NULL));
-- What runs or is queued is held, due or parked: nothing can be forgotten.
ALTER TABLE "step" ADD CONSTRAINT "step_never_forgotten" CHECK ("state" NOT IN ('queued', 'running') OR "owner" IS NOT NULL OR "due_at" IS NOT NULL OR "parked_at" IS NOT NULL);
ALTER TABLE "model_connection" ADD CONSTRAINT "model_connection_dialect" CHECK ("dialect" IN ('kimi', 'openai'));
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_mode" CHECK ("mode" IN ('at_once', 'last_step', 'respond'));
ALTER TABLE "firing" ADD CONSTRAINT "firing_outcome" CHECK ("outcome" IN ('fired', 'missed'));

-- Expression index: Prisma does not see it. The search function uses the very same expression.
CREATE INDEX "document_words" ON "document" USING gin (to_tsvector('english', "title" || ' ' || "text"));

INSERT INTO "project" ("id", "name") VALUES ('00000000-0000-7000-8000-000000000001', 'Local');
INSERT INTO "user" ("id", "name") VALUES ('00000000-0000-7000-8000-000000000002', 'You');
