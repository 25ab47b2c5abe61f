import { Client } from 'ssh2';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { normalHostKey } from '../../domain/node/host-key.ts';
import { fingerprint } from './fingerprint.ts';

export interface SshOptions {
  /** host0's private key in OpenSSH format; read for each connection. */
  readonly privateKey: () => Promise<string>;
  readonly user: string;
  readonly port: number;
  /** What to do next. Default: of a node that booted from host0. */
  readonly advice?: SshAdvice | undefined;
}

export interface SshAdvice {
  readonly unauthorized: string;
  readonly mismatch: string;
  readonly refused: string;
  readonly unreachable: (address: string) => string;
}

const NODE_ADVICE: SshAdvice = {
  unauthorized:
    "its overlay carries host0's public key in /root/.ssh/authorized_keys; a node that booted before the key was made must reboot",
  mismatch: 'another machine may have this address, or somebody is in between; a reboot pins anew',
  refused: 'the node is up but sshd does not listen: on its console, rc-service sshd status',
  unreachable: address =>
    `is the node on and on this network? try: ping ${address}; then on its console: rc-service sshd status`,
};

/** Where to connect, and which key it must show there. */
export interface PinnedAddress {
  readonly address: string;
  /** The public key line that the node must show. */
  readonly hostKey: string;
}

/** Milliseconds for TCP and the SSH handshake together. */
const CONNECT_TIMEOUT = 10_000;
/** A node that is gone is noticed after three of these. Milliseconds. */
const KEEP_ALIVE = 5000;

/** One SSH connection to a node. Only the pinned host key is accepted. */
export class PinnedConnection {
  readonly client = new Client();
  readonly #options: SshOptions;
  readonly #to: PinnedAddress;
  /** Ends the sentence about a wrong host key: what therefore did not happen. */
  readonly #consequence: string;
  #mismatch: { readonly shown: Buffer; readonly pinned: Buffer } | undefined;
  #ready = false;
  #closed = false;

  constructor(options: SshOptions, to: PinnedAddress, consequence: string) {
    this.#options = options;
    this.#to = to;
    this.#consequence = consequence;
  }

  /** Rejects with NODE_UNREACHABLE, HOST_KEY_MISMATCH or UNAUTHORIZED. */
  async open(): Promise<void> {
    const pinned = blobOf(this.#to.hostKey);
    if (!pinned) {
      throw new PxenError('HOST_KEY_MISMATCH', `${this.#to.address}: the pinned host key is no Ed25519 key`, {
        details: [`pinned: ${this.#to.hostKey}`],
      });
    }
    const privateKey = await this.#options.privateKey();
    if (this.#closed) throw this.lost();
    await this.#connect(privateKey, pinned);
  }

  /** At once, with all that runs over it. */
  close(): void {
    this.#closed = true;
    this.client.destroy();
  }

  /** The handshake is done, and the node showed the right key. */
  get isReady(): boolean {
    return this.#ready;
  }

  /** `10.77.0.100:22` */
  get place(): string {
    return `${this.#to.address}:${this.#options.port}`;
  }

  /** What an error of the connection means. */
  trouble(error: Error & { level?: string }): PxenError {
    if (this.#mismatch) return this.#wrongKey(this.#mismatch);
    if (error.level === 'client-authentication') {
      return new PxenError('UNAUTHORIZED', `${this.place}: the node does not accept host0's SSH key`, {
        cause: error,
        details: [this.#advice.unauthorized],
      });
    }
    return this.#unreachable(messageOf(error), error);
  }

  /** It closed, and nobody said why. */
  lost(): PxenError {
    return this.#unreachable(this.#ready ? 'the connection was lost' : 'the connection was closed');
  }

  get #advice(): SshAdvice {
    return this.#options.advice ?? NODE_ADVICE;
  }

  #connect(privateKey: string, pinned: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.on('error', error => reject(this.trouble(error)));
      this.client.on('close', () => reject(this.lost()));
      // Else each short packet waits 40 ms for the acknowledgement of the one before: most of a handshake.
      this.client.on('connect', () => this.client.setNoDelay(true));
      this.client.on('ready', () => {
        this.#ready = true;
        resolve();
      });
      this.client.connect({
        host: this.#to.address,
        port: this.#options.port,
        username: this.#options.user,
        privateKey,
        // ssh2 would ask without a key first.
        authHandler: ['publickey'],
        readyTimeout: CONNECT_TIMEOUT,
        keepaliveInterval: KEEP_ALIVE,
        keepaliveCountMax: 3,
        algorithms: { serverHostKey: ['ssh-ed25519'] },
        hostVerifier: (shown: Buffer) => {
          if (!shown.equals(pinned)) this.#mismatch = { shown, pinned };
          return !this.#mismatch;
        },
      });
    });
  }

  #wrongKey({ shown, pinned }: { shown: Buffer; pinned: Buffer }): PxenError {
    return new PxenError(
      'HOST_KEY_MISMATCH',
      `${this.place}: shows host key ${fingerprint(shown)}, expected ${fingerprint(pinned)}; ${this.#consequence}`,
      { details: [this.#advice.mismatch] },
    );
  }

  #unreachable(reason: string, cause?: unknown): PxenError {
    return new PxenError('NODE_UNREACHABLE', `${this.place}: ${reason}`, {
      cause,
      details: [
        systemCode(cause) === 'ECONNREFUSED'
          ? this.#advice.refused
          : this.#advice.unreachable(this.#to.address),
      ],
    });
  }
}

function blobOf(line: string): Buffer | undefined {
  const base64 = normalHostKey(line)?.split(' ')[1];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}
