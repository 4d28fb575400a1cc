export { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
export { createDatabase } from './create-database.ts';
export { type Keeper, keepClusterUp } from './keep-up.ts';
