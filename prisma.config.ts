import { defineConfig } from 'prisma/config';

/** Used by the Prisma CLI in development and by the drift gate; the product applies migrations with packages/journal/src/migrate.ts. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: {
    url: process.env.DATABASE_URL ?? 'postgresql://nobody@127.0.0.1:1/none',
    ...(process.env.SHADOW_DATABASE_URL === undefined ? {} : { shadowDatabaseUrl: process.env.SHADOW_DATABASE_URL }),
  },
});
