// How a unit is, as the supervisor tells it. The words are systemd's, and `skipped` for what it cannot
// run.
export type UnitState = {
  readonly name: string;
  readonly state: 'active' | 'inactive' | 'activating' | 'failed' | 'skipped';
  /**
   * What the state leaves open: an inactive oneshot did its work and was not stopped; an activating
   * service failed and waits for its next start (systemd's sub-state auto-restart).
   */
  readonly detail?: 'done' | 'restarting' | undefined;
  readonly reason: string | undefined;
  readonly pid: number | undefined;
};
