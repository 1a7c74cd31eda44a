// Readiness and ownership for our own servers. The owner (a supervisor) hands the child a pipe as
// fd 3: the child writes READY=1 to it when it serves, and ends when the pipe closes, so that
// nothing outlives its owner. CORRAL_HELD_PIPE=3 says that the pipe is there. Under systemd
// (NOTIFY_SOCKET set) readiness goes through systemd-notify(1) instead.
import { execFile } from 'node:child_process';
import { Socket } from 'node:net';
import { CodedError, errorMessage } from './errors.js';

export const heldPipeVariable = 'CORRAL_HELD_PIPE';

/** How a server tells its owner that it serves, and learns that the owner is gone. */
export interface Readiness {
  /** Reports READY=1 (sd_notify(3)); at most once. */
  ready(): void;
  /** Lets go of the pipe so that the process can end by itself. */
  close(): void;
}

/** The environment promises a pipe that is not there. */
export class HeldPipeError extends CodedError<'E_HELD_PIPE'> {}

/**
 * Joins the owner's pipe if the environment names one.
 * `onOwnerGone` is called once when the owner's end closes.
 * Throws HeldPipeError when the descriptor is no pipe: such a process would outlive its owner.
 */
export function joinOwner(
  environment: Readonly<Record<string, string | undefined>>,
  onOwnerGone: () => void,
): Readiness {
  const fd = Number(environment[heldPipeVariable] ?? Number.NaN);
  const pipe = Number.isInteger(fd) && fd > 2 ? openPipe(fd, onOwnerGone) : undefined;
  let reported = false;
  return {
    ready() {
      if (reported) return;
      reported = true;
      pipe?.write('READY=1\n');
      if (environment['NOTIFY_SOCKET'] !== undefined) notifySystemd();
    },
    close() {
      pipe?.destroy();
    },
  };
}

function openPipe(fd: number, onOwnerGone: () => void): Socket {
  let pipe: Socket;
  try {
    pipe = new Socket({ fd, readable: true, writable: true });
  } catch (error) {
    const why = `${heldPipeVariable}=${fd}, but descriptor ${fd} is no pipe: ${errorMessage(error)}`;
    const hint = `Unset ${heldPipeVariable} to start the program by hand`;
    throw new HeldPipeError('E_HELD_PIPE', `${why}. ${hint}`, { cause: error });
  }
  let gone = false;
  const end = (): void => {
    if (gone) return;
    gone = true;
    onOwnerGone();
  };
  pipe.on('end', end);
  pipe.on('error', end);
  pipe.resume();
  return pipe;
}

function notifySystemd(): void {
  execFile('systemd-notify', ['--ready'], () => undefined);
}
