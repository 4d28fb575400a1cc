/*
 * Loaded into each child before its main: ends it when this app is gone (kill -9), so that no orphan keeps a port or goes on
 * with a database that is about to stop. A hard end is safe: everything a child holds, the journal can give to another.
 */
process.once('disconnect', () => process.exit(137));
process.channel?.unref();
