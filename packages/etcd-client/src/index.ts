// The names that other packages may use.

export { EtcdClient } from './etcd-client.js';
export type { EtcdClientOptions } from './client.js';
export type { EtcdNode, KeyResponse } from './answers.js';
export type { CallOptions, DeleteOptions, GetOptions, SetOptions } from './keys.js';
export type { WatchOptions } from './watch.js';
export type { MemberInfo } from './members.js';
export { ClientError, EtcdApiError, isEtcdError } from './errors.js';
export type { ClientErrorCode } from './errors.js';
export { Connections } from './request.js';
export type { HttpAnswer, HttpFailure, HttpRequest, HttpResult } from './request.js';
// the peer port's side door
export { fetchCluster, parseMembers, renderMembers } from './peer-info.js';
export type { RemoteCluster, RemoteMember } from './peer-info.js';
