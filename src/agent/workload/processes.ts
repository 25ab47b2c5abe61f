import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { systemCode } from '../../base/error.ts';
import type { StateFolder } from './folder.ts';

/** The processes of the node, as far as virtual machines are concerned. */
export interface Processes {
  /** Starts a program that outlives the agent. Its pid and, when it has ended, its exit status are in the state folder. */
  launch(argv: readonly string[], folder: StateFolder): Promise<Launched>;
  /** Whether this pid is the QEMU that serves this socket: pids are given anew. */
  isQemu(pid: number, qmpSocket: string): boolean;
  /** The pid of the QEMU that serves this socket. Looks at every process of the node. */
  findQemu(qmpSocket: string): number | undefined;
  kill(pid: number): void;
  /** /proc/<pid>/stat. */
  stat(pid: number): string | undefined;
}

export interface Launched {
  /** Resolves when it has ended and its exit status is written. */
  readonly ended: Promise<void>;
  /** Ends it at once, whether its pid is known or not. */
  kill(): void;
}

/**
 * $0 is the state folder, the rest the command. The shell waits for it, so that its end is known even when the agent was
 * not there to see it. `wait` tells an end by a signal as 128 and the signal's number. What the shell itself would say
 * (`Killed`) is in nobody's interest; that it cannot find QEMU is said by the one that shall become QEMU.
 */
const WRAPPER = '"$@" 2>&1 & echo $! >"$0/pid"; wait $!; echo $? >"$0/exit"';

export const nodeProcesses: Processes = {
  launch: (argv, folder) =>
    new Promise((resolve, reject) => {
      const log = openSync(folder.at('log'), 'a', 0o600);
      // A session of its own: nothing that ends the agent, its supervisor included, reaches QEMU.
      const shell = spawn('/bin/sh', ['-c', WRAPPER, folder.path, ...argv], {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, 'ignore'],
      });
      closeSync(log);
      const ended = new Promise<void>(end => shell.once('exit', () => end()));
      shell.once('error', reject);
      shell.once('spawn', () => {
        shell.unref();
        // Negative: the shell's whole process group, in which QEMU is.
        resolve({ ended, kill: () => killed(-(shell.pid ?? 0)) });
      });
    }),

  isQemu,

  findQemu: qmpSocket =>
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number)
      .find(pid => isQemu(pid, qmpSocket)),

  kill: killed,

  stat(pid) {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return undefined;
    }
  },
};

/** The shell that waits for QEMU has the same arguments, after its own. */
function isQemu(pid: number, qmpSocket: string): boolean {
  try {
    const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return program.includes('qemu') && args.some(arg => arg.includes(qmpSocket));
  } catch {
    return false;
  }
}

function killed(pid: number): void {
  // 0 would mean the agent's own group.
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself a moment ago.
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}
