// The membership as the store holds it, under etcd's own keys: /0/members/ID/raftAttributes and
// attributes, /0/removed_members/ID, /0/version. Each change is a store change of its own, so that
// X-Etcd-Index counts as etcd's does. This class keeps a parsed copy for quick reading.
import type { MembershipChange, NodeId } from '@corral/raft';
import type { Command, Store } from '@corral/store';
import { clusterPrefix } from './backend.js';
import type { Member } from './backend.js';

/** What a membership entry carries besides the id. */
export type ChangeContext = {
  readonly peerUrls: readonly string[];
  /** Who waits for the change: a session and its sequence, or zeros at bootstrap. */
  readonly session: number;
  readonly sequence: number;
};

export function encodeChangeContext(context: ChangeContext): Uint8Array {
  return Buffer.from(JSON.stringify(context));
}

export function decodeChangeContext(bytes: Uint8Array): ChangeContext {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  const { peerUrls, session, sequence } = parsed as Partial<ChangeContext>;
  return {
    peerUrls: Array.isArray(peerUrls) ? peerUrls.map(String) : [],
    session: session ?? 0,
    sequence: sequence ?? 0,
  };
}

const membersPath = `${clusterPrefix}/members`;
const removedPath = `${clusterPrefix}/removed_members`;
export const versionPath = `${clusterPrefix}/version`;

/** The store path of a member's published name and client URLs. */
export function attributesPath(id: string): string {
  return `${membersPath}/${id}/attributes`;
}

/** The command by which a member publishes its name and client URLs. */
export function publishCommand(member: {
  readonly id: string;
  readonly name: string;
  readonly clientUrls: readonly string[];
}): Command {
  const value = JSON.stringify({ name: member.name, clientURLs: member.clientUrls });
  return permanentSet(attributesPath(member.id), value);
}

/** The command by which a leader settles the cluster's version. */
export function clusterVersionCommand(version: string): Command {
  return permanentSet(versionPath, version);
}

export class Members {
  readonly #store: Store;
  #members = new Map<string, Member>();
  #removed = new Set<NodeId>();
  #version: string | undefined;
  #sorted: readonly Member[] | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Sorted by numeric id. */
  list(): readonly Member[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => compareIds(a.id, b.id));
    return this.#sorted;
  }

  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  get removed(): ReadonlySet<NodeId> {
    return this.#removed;
  }

  get clusterVersion(): string | undefined {
    return this.#version;
  }

  /** Applies a committed membership entry to the store. */
  applyChange(change: MembershipChange): void {
    const { peerUrls } = decodeChangeContext(change.context);
    const attributes = JSON.stringify({ peerURLs: peerUrls });
    const path = `${membersPath}/${change.node}/raftAttributes`;
    switch (change.kind) {
      case 'add': {
        const create = {
          ...permanentSet(path, attributes),
          kind: 'create',
          unique: false,
        } as const;
        this.#store.apply(create);
        break;
      }
      case 'update':
        this.#store.apply({ ...permanentSet(path, attributes), kind: 'update' });
        break;
      case 'remove':
        this.#store.apply({
          kind: 'delete',
          path: `${membersPath}/${change.node}`,
          dir: true,
          recursive: true,
        });
        this.#store.apply({
          ...permanentSet(`${removedPath}/${change.node}`, ''),
          kind: 'create',
          unique: false,
        });
        break;
      default:
        change.kind satisfies never;
    }
    this.reload();
  }

  /** Reads everything anew: after a restore, and after a write below the cluster prefix. */
  reload(): void {
    const members = new Map<string, Member>();
    const removed = new Set(this.#children(removedPath).map((node) => lastName(node.key)));
    for (const node of this.#children(membersPath)) {
      const id = lastName(node.key);
      // A removed member's last publication may come behind its removal in the log.
      if (!removed.has(id)) members.set(id, this.#read(id));
    }
    this.#members = members;
    this.#removed = removed;
    this.#version = this.#value(versionPath);
    this.#sorted = undefined;
  }

  #read(id: string): Member {
    const raft = parseObject(this.#value(`${membersPath}/${id}/raftAttributes`));
    const published = parseObject(this.#value(attributesPath(id)));
    return {
      id,
      name: typeof published['name'] === 'string' ? published['name'] : '',
      peerUrls: texts(raft['peerURLs']).sort(),
      clientUrls: texts(published['clientURLs']).sort(),
    };
  }

  #children(path: string): readonly { readonly key: string }[] {
    const result = this.#store.get(path, { recursive: false, sorted: true });
    return result.ok ? (result.event.node.nodes ?? []) : [];
  }

  #value(path: string): string | undefined {
    const result = this.#store.get(path, { recursive: false, sorted: false });
    return result.ok ? result.event.node.value : undefined;
  }
}

/** Order of hex ids by their numeric value. */
export function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function permanentSet(path: string, value: string): Command & { readonly kind: 'set' } {
  return { kind: 'set', path, value, dir: false, expiration: undefined, refresh: false };
}

function lastName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
