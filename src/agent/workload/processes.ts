import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { systemCode } from '../../base/error.ts';
import type { ProcessLaunch, ProcessMark } from '../../domain/vm/launch.ts';
import type { StateFolder } from './folder.ts';

/** The processes of the node, as far as virtual machines are concerned. */
export interface Processes {
  /** Starts a program that outlives the agent. Its pid and, when it has ended, its exit status are in the state folder. */
  launch(launch: Pick<ProcessLaunch, 'argv' | 'serial'>, folder: StateFolder): Promise<Spawned>;
  /** Whether this pid is a process that bears the mark: pids are given anew. */
  bears(pid: number, mark: ProcessMark): boolean;
  /** The pid of the process that bears it. Looks at every process of the node. */
  find(mark: ProcessMark): number | undefined;
  kill(pid: number): void;
  /** /proc/<pid>/stat. */
  stat(pid: number): string | undefined;
}

export interface Spawned {
  /** Resolves when it has ended and its exit status is written. */
  readonly ended: Promise<void>;
  /** Ends it at once, whether its pid is known or not. */
  kill(): void;
}

/**
 * $0 is the state folder, the rest the command. The shell waits for it, so that its end is known even when the agent was
 * not there to see it. `wait` tells an end by a signal as 128 and the signal's number. What the shell itself would say
 * (`Killed`) is in nobody's interest; that it cannot find the program is said by the one that shall become it.
 */
const wrapped = (command: string): string => `${command} & echo $! >"$0/pid"; wait $!; echo $? >"$0/exit"`;

/**
 * SV-16: the serial port is the standard input and output. Opened for reading and writing, the pipe has no end that the
 * guest would read over and over while nobody types.
 */
const WRAPPERS: Readonly<Record<ProcessLaunch['serial'], string>> = {
  served: wrapped('"$@" 2>&1'),
  stdio: `mkfifo -m 600 "$0/serial.in" || exit; ${wrapped('"$@" 2>&1 >>"$0/serial.log" <>"$0/serial.in"')}`,
};

export const nodeProcesses: Processes = {
  launch: ({ argv, serial }, folder) =>
    new Promise((resolve, reject) => {
      const log = openSync(folder.at('log'), 'a', 0o600);
      // A session of its own: nothing that ends the agent, its supervisor included, reaches the engine.
      const shell = spawn('/bin/sh', ['-c', WRAPPERS[serial], folder.path, ...argv], {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, 'ignore'],
      });
      closeSync(log);
      const ended = new Promise<void>(end => shell.once('exit', () => end()));
      shell.once('error', reject);
      shell.once('spawn', () => {
        shell.unref();
        // Negative: the shell's whole process group, in which the engine is.
        resolve({ ended, kill: () => killed(-(shell.pid ?? 0)) });
      });
    }),

  bears,

  find: mark =>
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number)
      .find(pid => bears(pid, mark)),

  kill: killed,

  stat(pid) {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return undefined;
    }
  },
};

/** The shell that waits for the engine has the same arguments, after its own. */
function bears(pid: number, mark: ProcessMark): boolean {
  try {
    const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return program.includes(mark.program) && args.some(arg => arg.includes(mark.word));
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
