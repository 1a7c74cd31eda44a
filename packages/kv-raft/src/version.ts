// The version that this server claims. Programs of the etcd 2 era parse it, so it is a plain 2.3
// number; what Corral itself is called stands in `corral version`.

export const serverVersion = '2.3.8';
/** The lowest major.minor of all members, with patch 0. */
export const clusterVersion = '2.3.0';
