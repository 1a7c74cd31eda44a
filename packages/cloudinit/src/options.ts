// The options of coreos.etcd, etcd2, fleet, flannel and locksmith: key, type, variable. Lines of a
// rendered file appear in this order. (coreos-cloudinit 1.9.3, config package; the keys of users
// and passwords, enable_pprof and strict_reconfig_check came with later releases and are taken,
// too.)

export type OptionType = 'string' | 'bool' | 'int' | 'float';

export type Option = {
  /** With underscores; hyphens are accepted for them. */
  readonly key: string;
  readonly type: OptionType;
  readonly variable: string;
};

function options(table: string): readonly Option[] {
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [key = '', type = '', variable = ''] = line.trim().split(' ');
      return { key, type: type as OptionType, variable };
    });
}

export const etcdOptions = options(`
  addr string ETCD_ADDR
  advertise_client_urls string ETCD_ADVERTISE_CLIENT_URLS
  bind_addr string ETCD_BIND_ADDR
  ca_file string ETCD_CA_FILE
  cert_file string ETCD_CERT_FILE
  cluster_active_size int ETCD_CLUSTER_ACTIVE_SIZE
  cluster_remove_delay float ETCD_CLUSTER_REMOVE_DELAY
  cluster_sync_interval float ETCD_CLUSTER_SYNC_INTERVAL
  cors string ETCD_CORS
  data_dir string ETCD_DATA_DIR
  discovery string ETCD_DISCOVERY
  discovery_fallback string ETCD_DISCOVERY_FALLBACK
  discovery_srv string ETCD_DISCOVERY_SRV
  discovery_proxy string ETCD_DISCOVERY_PROXY
  election_timeout int ETCD_ELECTION_TIMEOUT
  force_new_cluster bool ETCD_FORCE_NEW_CLUSTER
  graphite_host string ETCD_GRAPHITE_HOST
  heartbeat_interval int ETCD_HEARTBEAT_INTERVAL
  http_read_timeout float ETCD_HTTP_READ_TIMEOUT
  http_write_timeout float ETCD_HTTP_WRITE_TIMEOUT
  initial_advertise_peer_urls string ETCD_INITIAL_ADVERTISE_PEER_URLS
  initial_cluster string ETCD_INITIAL_CLUSTER
  initial_cluster_state string ETCD_INITIAL_CLUSTER_STATE
  initial_cluster_token string ETCD_INITIAL_CLUSTER_TOKEN
  key_file string ETCD_KEY_FILE
  listen_client_urls string ETCD_LISTEN_CLIENT_URLS
  listen_peer_urls string ETCD_LISTEN_PEER_URLS
  max_result_buffer int ETCD_MAX_RESULT_BUFFER
  max_retry_attempts int ETCD_MAX_RETRY_ATTEMPTS
  max_snapshots int ETCD_MAX_SNAPSHOTS
  max_wals int ETCD_MAX_WALS
  name string ETCD_NAME
  peer_addr string ETCD_PEER_ADDR
  peer_bind_addr string ETCD_PEER_BIND_ADDR
  peer_ca_file string ETCD_PEER_CA_FILE
  peer_cert_file string ETCD_PEER_CERT_FILE
  peer_election_timeout int ETCD_PEER_ELECTION_TIMEOUT
  peer_heartbeat_interval int ETCD_PEER_HEARTBEAT_INTERVAL
  peer_key_file string ETCD_PEER_KEY_FILE
  peers string ETCD_PEERS
  peers_file string ETCD_PEERS_FILE
  proxy string ETCD_PROXY
  retry_interval float ETCD_RETRY_INTERVAL
  snapshot bool ETCD_SNAPSHOT
  snapshot_count int ETCD_SNAPSHOTCOUNT
  trace string ETCD_TRACE
  verbose bool ETCD_VERBOSE
  very_verbose bool ETCD_VERY_VERBOSE
  very_very_verbose bool ETCD_VERY_VERY_VERBOSE
`);

export const etcd2Options = options(`
  advertise_client_urls string ETCD_ADVERTISE_CLIENT_URLS
  ca_file string ETCD_CA_FILE
  cert_file string ETCD_CERT_FILE
  client_cert_auth bool ETCD_CLIENT_CERT_AUTH
  cors string ETCD_CORS
  data_dir string ETCD_DATA_DIR
  debug bool ETCD_DEBUG
  discovery string ETCD_DISCOVERY
  discovery_fallback string ETCD_DISCOVERY_FALLBACK
  discovery_srv string ETCD_DISCOVERY_SRV
  discovery_proxy string ETCD_DISCOVERY_PROXY
  election_timeout int ETCD_ELECTION_TIMEOUT
  enable_pprof bool ETCD_ENABLE_PPROF
  force_new_cluster bool ETCD_FORCE_NEW_CLUSTER
  heartbeat_interval int ETCD_HEARTBEAT_INTERVAL
  initial_advertise_peer_urls string ETCD_INITIAL_ADVERTISE_PEER_URLS
  initial_cluster string ETCD_INITIAL_CLUSTER
  initial_cluster_state string ETCD_INITIAL_CLUSTER_STATE
  initial_cluster_token string ETCD_INITIAL_CLUSTER_TOKEN
  key_file string ETCD_KEY_FILE
  listen_client_urls string ETCD_LISTEN_CLIENT_URLS
  listen_peer_urls string ETCD_LISTEN_PEER_URLS
  log_package_levels string ETCD_LOG_PACKAGE_LEVELS
  max_snapshots int ETCD_MAX_SNAPSHOTS
  max_wals int ETCD_MAX_WALS
  name string ETCD_NAME
  peer_ca_file string ETCD_PEER_CA_FILE
  peer_cert_file string ETCD_PEER_CERT_FILE
  peer_key_file string ETCD_PEER_KEY_FILE
  peer_client_cert_auth bool ETCD_PEER_CLIENT_CERT_AUTH
  peer_trusted_ca_file string ETCD_PEER_TRUSTED_CA_FILE
  proxy string ETCD_PROXY
  proxy_dial_timeout int ETCD_PROXY_DIAL_TIMEOUT
  proxy_failure_wait int ETCD_PROXY_FAILURE_WAIT
  proxy_read_timeout int ETCD_PROXY_READ_TIMEOUT
  proxy_refresh_interval int ETCD_PROXY_REFRESH_INTERVAL
  proxy_write_timeout int ETCD_PROXY_WRITE_TIMEOUT
  snapshot_count int ETCD_SNAPSHOT_COUNT
  strict_reconfig_check bool ETCD_STRICT_RECONFIG_CHECK
  trusted_ca_file string ETCD_TRUSTED_CA_FILE
  wal_dir string ETCD_WAL_DIR
`);

export const fleetOptions = options(`
  agent_ttl string FLEET_AGENT_TTL
  authorized_keys_file string FLEET_AUTHORIZED_KEYS_FILE
  disable_engine bool FLEET_DISABLE_ENGINE
  engine_reconcile_interval float FLEET_ENGINE_RECONCILE_INTERVAL
  etcd_cafile string FLEET_ETCD_CAFILE
  etcd_certfile string FLEET_ETCD_CERTFILE
  etcd_keyfile string FLEET_ETCD_KEYFILE
  etcd_key_prefix string FLEET_ETCD_KEY_PREFIX
  etcd_request_timeout float FLEET_ETCD_REQUEST_TIMEOUT
  etcd_servers string FLEET_ETCD_SERVERS
  etcd_username string FLEET_ETCD_USERNAME
  etcd_password string FLEET_ETCD_PASSWORD
  metadata string FLEET_METADATA
  public_ip string FLEET_PUBLIC_IP
  token_limit int FLEET_TOKEN_LIMIT
  verbosity int FLEET_VERBOSITY
  verify_units bool FLEET_VERIFY_UNITS
`);

export const flannelOptions = options(`
  etcd_endpoints string FLANNELD_ETCD_ENDPOINTS
  etcd_cafile string FLANNELD_ETCD_CAFILE
  etcd_certfile string FLANNELD_ETCD_CERTFILE
  etcd_keyfile string FLANNELD_ETCD_KEYFILE
  etcd_prefix string FLANNELD_ETCD_PREFIX
  etcd_username string FLANNELD_ETCD_USERNAME
  etcd_password string FLANNELD_ETCD_PASSWORD
  ip_masq string FLANNELD_IP_MASQ
  subnet_file string FLANNELD_SUBNET_FILE
  interface string FLANNELD_IFACE
  public_ip string FLANNELD_PUBLIC_IP
`);

export const locksmithOptions = options(`
  endpoint string LOCKSMITHD_ENDPOINT
  etcd_cafile string LOCKSMITHD_ETCD_CAFILE
  etcd_certfile string LOCKSMITHD_ETCD_CERTFILE
  etcd_keyfile string LOCKSMITHD_ETCD_KEYFILE
  etcd_username string LOCKSMITHD_ETCD_USERNAME
  etcd_password string LOCKSMITHD_ETCD_PASSWORD
  group string LOCKSMITHD_GROUP
  window_start string REBOOT_WINDOW_START
  window_length string REBOOT_WINDOW_LENGTH
`);
