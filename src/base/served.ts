import { quote } from './diagnostic.ts';
import type { Ipv4 } from './ipv4.ts';

/** Files that go out to machines, as TFTP and HTTP see them: a name in, a readable file or a refusal out. */
export interface ServedFile {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch. */
  readonly mtimeMs: number;
  /**
   * Differs whenever the content may differ, so it can key a cache or an ETag.
   * Absent: the content is for this one caller and must not be shared with others.
   */
  readonly version?: string | undefined;
  /** All of it, where it is in memory already; it is shared: do not write into it. */
  readonly content?: Uint8Array;
  /** Fills the buffer from this offset of the file; resolves to the bytes read, fewer than asked only at the end. */
  readInto(buffer: Uint8Array, offset: number): Promise<number>;
  /** Is it still the content of `version`? Absent where content cannot change. Never rejects. */
  unchanged?(): Promise<boolean>;
  /** Never rejects. */
  close(): Promise<void>;
}

export interface Refusal {
  /** `missing`: try elsewhere; `forbidden`: outside the root, or no regular file; `unreadable`: the system failed. */
  readonly reason: 'missing' | 'forbidden' | 'unreadable';
  /** One line that a stranger may read: it names the file as asked for, never a path of this machine. */
  readonly text: string;
}

export interface ServedFiles {
  /** Never rejects; whoever gets a file closes it. `peer` is who asks, for what is made for one machine alone. */
  open(name: string, peer?: Ipv4): Promise<ServedFile | Refusal>;
}

export function isRefusal(answer: ServedFile | Refusal): answer is Refusal {
  return 'reason' in answer;
}

/** Asks one source after the other until one has the file or forbids it. */
export function firstOf(...sources: readonly ServedFiles[]): ServedFiles {
  return {
    async open(name, peer) {
      for (const source of sources) {
        const answer = await source.open(name, peer);
        if (!isRefusal(answer) || answer.reason !== 'missing') return answer;
      }
      return { reason: 'missing', text: `${quote(name)}: no such file` };
    },
  };
}
