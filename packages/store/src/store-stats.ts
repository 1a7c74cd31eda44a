// Counters of what the store was asked and how it went, as etcd reports them at /v2/stats/store.
import type { WriteCommand } from './writes.js';

export type StoreStats = {
  readonly getsSuccess: number;
  readonly getsFail: number;
  readonly setsSuccess: number;
  readonly setsFail: number;
  readonly deleteSuccess: number;
  readonly deleteFail: number;
  readonly updateSuccess: number;
  readonly updateFail: number;
  readonly createSuccess: number;
  readonly createFail: number;
  readonly compareAndSwapSuccess: number;
  readonly compareAndSwapFail: number;
  readonly compareAndDeleteSuccess: number;
  readonly compareAndDeleteFail: number;
  readonly expireCount: number;
  readonly watchers: number;
};

/** Everything but `watchers`, which is not counted but looked at. */
export type Counters = { -readonly [Name in Exclude<keyof StoreStats, 'watchers'>]: number };

export function newCounters(): Counters {
  return {
    getsSuccess: 0,
    getsFail: 0,
    setsSuccess: 0,
    setsFail: 0,
    deleteSuccess: 0,
    deleteFail: 0,
    updateSuccess: 0,
    updateFail: 0,
    createSuccess: 0,
    createFail: 0,
    compareAndSwapSuccess: 0,
    compareAndSwapFail: 0,
    compareAndDeleteSuccess: 0,
    compareAndDeleteFail: 0,
    expireCount: 0,
  };
}

/** The names of the counters in the order in which snapshots hold them. Append only. */
export const counterNames = Object.keys(newCounters()) as readonly (keyof Counters)[];

export function countWrite(counters: Counters, kind: WriteCommand['kind'], ok: boolean): void {
  const [success, fail] = names[kind];
  counters[ok ? success : fail] += 1;
}

const names: Readonly<
  Record<WriteCommand['kind'], readonly [success: keyof Counters, fail: keyof Counters]>
> = {
  set: ['setsSuccess', 'setsFail'],
  create: ['createSuccess', 'createFail'],
  update: ['updateSuccess', 'updateFail'],
  compareAndSwap: ['compareAndSwapSuccess', 'compareAndSwapFail'],
  delete: ['deleteSuccess', 'deleteFail'],
  compareAndDelete: ['compareAndDeleteSuccess', 'compareAndDeleteFail'],
};
