import type { Duplex, Readable } from 'node:stream';

/** The command line and the sockets of a machine that host0 may log in to. Everything rejects with NODE_UNREACHABLE, HOST_KEY_MISMATCH, UNAUTHORIZED or TIMEOUT. */
export interface HostShell {
  /** Runs a program to its end, however that is. */
  run(argv: readonly string[], options: ShellOptions): Promise<ShellEnd>;
  /** Its standard output as it comes; the program ends when that is destroyed. */
  follow(argv: readonly string[], signal: AbortSignal): Promise<Readable>;
  /** A byte stream to a socket of that machine. */
  connect(to: ShellSocket, signal: AbortSignal): Promise<Duplex>;
}

export interface ShellOptions {
  /** For its standard input. */
  readonly input?: string | undefined;
  /** Milliseconds; then it is given up. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ShellEnd {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A TCP port of its loopback, or a unix socket. */
export type ShellSocket = { readonly port: number } | { readonly path: string };
