export { startCluster } from './cluster.ts';
export { keepClusterUp } from './keep-up.ts';
