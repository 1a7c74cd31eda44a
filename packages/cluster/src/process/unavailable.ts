// What plain processes cannot imitate, and why: said instead of pretended.

export const unavailableOnProcesses: Readonly<Record<string, string>> = {
  drop: 'TCP hides lost packets, and plain processes share one network stack; cut or slow a link instead',
  clock: 'plain processes share the clock of this machine',
  disk: 'plain processes share the disk of this machine',
};
