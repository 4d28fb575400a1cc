export { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
export { type Keeper, keepClusterUp } from './keep-up.ts';
