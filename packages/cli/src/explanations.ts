// Every error id at length: what it means, when it comes, what to do. The one table behind
// `corral help ID`; it needs no network and no cluster.
import type { ClusterErrorCode } from '@corral/cluster/errors';

export type ErrorId = ClusterErrorCode | 'E_BUG';

export type Explanation = {
  readonly exitCode: number;
  readonly means: string;
  readonly when: string;
  readonly todo: readonly string[];
};

export const explanations: Readonly<Record<ErrorId, Explanation>> = {
  E_FAILED: {
    exitCode: 1,
    means: 'Something was tried and did not work, and no other id fits.',
    when: 'A store that ends while it boots, a program that exec cannot start, a fault that had no effect, a member that the cluster refused. The message says which, and ends with the last lines of the log where there is one.',
    todo: [
      'read the log lines below the message',
      'corral up --keep-on-failure leaves a boot that failed, to look at it with corral logs NODE',
      'corral status shows what is there now',
    ],
  },
  E_USAGE: {
    exitCode: 2,
    means: 'The command line cannot be understood; nothing was done.',
    when: 'An unknown command or option, a number, duration or link in a form that is none, options that contradict each other.',
    todo: ['corral help COMMAND shows what a command takes', 'corral help lists all commands'],
  },
  E_UNKNOWN_CLUSTER: {
    exitCode: 3,
    means: 'No cluster of that name exists in the state folder.',
    when: 'A misspelt name, a cluster that was removed, or another CORRAL_HOME. Without a name the cluster is CORRAL_NAME, else the only one there is, else the only one that runs, else "default".',
    todo: ['corral ls lists the clusters', 'corral up NAME boots one', 'compare CORRAL_HOME'],
  },
  E_UNKNOWN_NODE: {
    exitCode: 3,
    means: 'The cluster has no node of that name, and no node has that role now.',
    when: 'A misspelt node; an ambiguous beginning of a name; "leader" while nobody leads.',
    todo: ['corral node ls lists the nodes', 'corral wait --for leader, if a leader was meant'],
  },
  E_CLUSTER_EXISTS: {
    exitCode: 4,
    means: 'A cluster of that name is there and differs from the one that was asked for.',
    when: 'up with another number of nodes or another cloud-config than the cluster has. The same ones change nothing, and up without them takes the cluster as it is.',
    todo: [
      'corral node add and corral node rm change the number of nodes and keep the data',
      'corral up --recreate removes it first, with its data (--dry-run tells what would go)',
      'corral up OTHER-NAME boots a second one beside it',
    ],
  },
  E_PORT_TAKEN: {
    exitCode: 5,
    means: 'A port that a node needs is held by another program, so nothing was created.',
    when: 'Each node listens on an address of its own (127.C.0.D), so clusters do not meet. A program that listens on that port on all addresses (0.0.0.0 or [::]) blocks them all the same. Ports below 1024 need root.',
    todo: [
      'stop the program that the message names, if you do not need it',
      'make it listen on 127.0.0.1 only',
      'use another port in the cloud-config (listen-client-urls, listen-peer-urls)',
    ],
  },
  E_DISK_LOW: {
    exitCode: 5,
    means: 'Too little space is free where clusters live.',
    when: 'Before a cluster is made. Each store keeps space in reserve for its log; a full disk in the middle of a run would stop it.',
    todo: [
      'corral ls shows what each cluster holds; corral down removes one',
      'corral gc removes what killed commands left',
      'CORRAL_HOME=ELSEWHERE puts clusters on another disk',
    ],
  },
  E_NO_DOCKER: {
    exitCode: 5,
    means: 'Containers were asked for and no Docker engine answers.',
    when: 'up --runtime docker, and commands on a cluster of containers. DOCKER_HOST is tried alone if it is set, else /var/run/docker.sock, the rootless socket and the current context; the message says what each of them answered.',
    todo: [
      'start Docker, and see docker version',
      'unset DOCKER_HOST if it names an engine that is gone',
      'drop --runtime docker: the same cluster boots as plain processes',
    ],
  },
  E_DOCKER_PERMISSION: {
    exitCode: 5,
    means: 'A Docker engine is there, but this user may not use its socket.',
    when: 'The socket belongs to root and a group (usually "docker") that the user is not in, or is not in since the last login.',
    todo: [
      'sudo usermod -aG docker $USER, then log in again',
      'install a rootless Docker for this user',
      'drop --runtime docker: the same cluster boots as plain processes',
    ],
  },
  E_DOCKER_OLD: {
    exitCode: 5,
    means: 'The Docker engine is too old to run systemd in a container without --privileged.',
    when: 'Its API is older than 1.41 (engine 20.10), the first with private cgroup namespaces.',
    todo: [
      'upgrade the engine',
      'drop --runtime docker: the same cluster boots as plain processes',
    ],
  },
  E_IMAGE_MISSING: {
    exitCode: 5,
    means: 'The image of the nodes is not on this machine.',
    when: 'A cluster of containers is started and its image was removed, or an image that was named does not exist. up --runtime docker builds a missing node image by itself; nothing is ever pulled without being asked for.',
    todo: [
      'corral image build makes it, also without a registry',
      'corral image load FILE.tar takes one from another machine',
      'corral image ls shows what is there',
    ],
  },
  E_IMAGE_BUILD: {
    exitCode: 5,
    means: 'An image could not be built.',
    when: 'No registry and no mmdebstrap or debootstrap, no right to run them, no package mirror, a node binary that needs more libraries than the image has, no space left. The message ends with the last lines of the step that failed.',
    todo: [
      'apt-get install mmdebstrap, and run as root, where there is no registry',
      'corral image build --verbose shows each line',
      'corral image load FILE.tar takes an image from another machine',
    ],
  },
  E_FAULT_UNAVAILABLE: {
    exitCode: 5,
    means: 'The runtime cannot imitate this fault, and does not pretend to.',
    when: 'Plain processes share one clock, one disk and one TCP stack: lost packets, wrong clocks and bad disks per node cannot be made there.',
    todo: [
      'corral fault --help lists what can be done',
      'for a lossy link, slow with --jitter, or reset, come near',
    ],
  },
  E_NODE_LACKS: {
    exitCode: 5,
    means: 'The node does not have what was asked for.',
    when: 'ssh to a node that is plain processes, or whose port 22 is not published: there is no sshd to reach. env NODE for a node without a Docker engine that can be reached: only nodes in containers can have one, when a unit of their cloud-config opens port 2375.',
    todo: [
      'corral shell NODE and corral exec NODE -- CMD need no sshd',
      'corral up --runtime docker boots nodes that have one',
    ],
  },
  E_UNSUPPORTED_SYSTEM: {
    exitCode: 5,
    means: 'Nodes as plain processes cannot run on this system.',
    when: 'They need Linux (WSL2 is Linux): loopback addresses without set-up, /proc, abstract sockets.',
    todo: ['use Linux or WSL2', 'run Corral in a Linux virtual machine'],
  },
  E_TIMEOUT: {
    exitCode: 6,
    means: 'Something did not come about in the time that was given.',
    when: 'A boot, a new node, or the condition of wait took longer than its limit or than --timeout. The message says how things stand; the log lines are those of the slow node.',
    todo: [
      'read the log lines below the message',
      'give more time: --timeout 2m',
      'corral status shows who lags and which faults are in force',
    ],
  },
  E_NO_QUORUM: {
    exitCode: 7,
    means:
      'Fewer than a majority of the central nodes can talk to each other: nothing can be written and no member can come or go.',
    when: 'Too many nodes are killed, paused, stopped or cut off. The message names each missing node and why it is missing.',
    todo: [
      'give the command that the message names for each node',
      'corral fault heal --all undoes every fault',
      'reads still work without a quorum (etcdctl get, without --quorum)',
    ],
  },
  E_CLOUD_CONFIG: {
    exitCode: 8,
    means: 'A cloud-config cannot be used; nothing was created.',
    when: 'It cannot be read, is no YAML, or holds a key that coreos-cloudinit does not know. The message gives file, line and column.',
    todo: [
      'correct the line that is shown',
      '--ignore-unknown turns unknown keys into warnings',
      'coreos-cloudinit --validate --from-file FILE checks a file alone',
    ],
  },
  E_CONFIG: {
    exitCode: 8,
    means: 'The cluster that was asked for cannot be built as described.',
    when: 'A name that is none (small letters, digits and dashes), a number of nodes out of range, an address that this machine does not have, the same host name twice.',
    todo: ['correct what the message names; nothing was created'],
  },
  E_KEEPER_GONE: {
    exitCode: 1,
    means: 'The background process of the cluster is not running, so its nodes are down.',
    when: 'It was killed (also by the kernel, for want of memory), the machine was restarted, or the cluster was stopped by someone else in the meantime. Its data are on disk.',
    todo: ['corral start brings the same cluster back with its data', 'corral down removes it'],
  },
  E_PROGRAM_UNFIT: {
    exitCode: 126,
    means: 'A program is there, but cannot be run.',
    when: 'exec of a file that is not executable, of a folder, or of a program for another machine. The exit code is the one that shells use for it.',
    todo: ['see its mode: corral exec NODE -- ls -l FILE', 'chmod +x it'],
  },
  E_PROGRAM_MISSING: {
    exitCode: 127,
    means: 'A program that was to be run is not there.',
    when: 'exec of a program that the node does not have; ssh and cp where this machine has no ssh or no tar. The exit code is the one that shells use for it. A program of that name that ends with 127 by itself brings no such message.',
    todo: [
      'look for a mistyped name, and at PATH: corral exec NODE -- env',
      'install it: apt-get install openssh-client, or tar, for those of this machine',
    ],
  },
  E_DEV_BUILD: {
    exitCode: 1,
    means: 'A component cannot be built from the working tree; no node was touched.',
    when: 'corral dev meets code that cannot be parsed, a file or a name that is imported and not there. Errors of types are no such errors: they are told, and the code runs.',
    todo: [
      'correct the place that the message names: file, line and column',
      'dev --watch goes on by itself at the next change',
    ],
  },
  E_DEV_WORSE: {
    exitCode: 1,
    means:
      'New code made a node, or the cluster with it, worse than it was, so that node got back the code it had.',
    when: 'With corral dev, when a node does not come up with the new code, does not catch up within 10 s, or the cluster can lose fewer nodes than before. The nodes after it were not touched; those before it keep the new code. Something else that breaks at the same moment looks the same.',
    todo: [
      'read the log lines below the message: they are of the new code',
      'corral status -o wide shows which node runs which code',
      'corral dev --reset takes the new code away everywhere',
    ],
  },
  E_DEV_TREE: {
    exitCode: 5,
    means: 'Nothing can be built here: the sources, or the program that builds, are not there.',
    when: 'corral dev in an installation without packages/*/src, --from with a folder that is no clone, or npm ci --omit=dev, which leaves rolldown out.',
    todo: ['work in a clone, after npm ci', 'corral dev COMPONENT --from DIR names another clone'],
  },
  E_BUG: {
    exitCode: 10,
    means: 'Corral met a state that its authors did not think of.',
    when: 'Never, if all is well. It is not your mistake.',
    todo: [
      'give the command again with -v: it prints where it happened',
      'report that output, with corral version',
      'corral down removes the cluster, corral gc what is left of it',
    ],
  },
};
