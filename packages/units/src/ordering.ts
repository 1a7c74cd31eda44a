// The order of a set of units: After= and Before=, without the edges that would close a cycle.
// Pure. (systemd.unit(5))

/** What one unit says about order, by name. */
export type Order = { readonly after: readonly string[]; readonly before: readonly string[] };

export type Ordering = {
  /** For each unit the ones that come before it. */
  readonly predecessors: ReadonlyMap<string, ReadonlySet<string>>;
  /** Edges that were left out because they close a cycle, as "a after b". */
  readonly dropped: readonly string[];
};

/** Names outside of the set are ignored. The result does not depend on the order of the map. */
export function orderUnits(units: ReadonlyMap<string, Order>): Ordering {
  const names = [...units.keys()].sort();
  const wanted = new Map(names.map((name) => [name, new Set<string>()]));
  for (const name of names) {
    for (const other of units.get(name)?.after ?? []) {
      if (wanted.has(other) && other !== name) wanted.get(name)?.add(other);
    }
    for (const other of units.get(name)?.before ?? []) {
      if (other !== name) wanted.get(other)?.add(name);
    }
  }
  const dropped: string[] = [];
  const done = new Set<string>();
  const open = new Set<string>();
  const visit = (name: string): void => {
    open.add(name);
    const before = wanted.get(name) ?? new Set();
    for (const other of [...before].sort()) {
      if (open.has(other)) {
        before.delete(other);
        dropped.push(`${name} after ${other}`);
      } else if (!done.has(other)) visit(other);
    }
    open.delete(name);
    done.add(name);
  };
  for (const name of names) if (!done.has(name)) visit(name);
  return { predecessors: wanted, dropped };
}
