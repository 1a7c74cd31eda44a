// Events of virtual time, earliest first; equal times go in the order in which they were added.

type Event = { readonly at: number; readonly order: number; readonly run: () => void };

export class EventHeap {
  readonly #events: Event[] = [];
  #order = 0;

  add(at: number, run: () => void): void {
    this.#order += 1;
    const event = { at, order: this.#order, run };
    const events = this.#events;
    let hole = events.length;
    events.push(event);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!isBefore(event, events[parent]!)) break;
      events[hole] = events[parent]!;
      hole = parent;
    }
    events[hole] = event;
  }

  /** Removes the earliest event. */
  take(): Event | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (last === undefined || events.length === 0) return first;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1]!, events[child]!)) child += 1;
      if (isBefore(last, events[child]!)) break;
      events[hole] = events[child]!;
      hole = child;
    }
    events[hole] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
