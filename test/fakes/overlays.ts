import { createHash } from 'node:crypto';
import { PxenError } from '../../src/base/error.ts';
import type { Member } from '../../src/domain/overlay/members.ts';
import type { FoundFile, SourceFile, SourceFiles, Stamp } from '../../src/domain/overlay/source.ts';
import type {
  OverlayPacker,
  OverlayRecord,
  OverlayStore,
  OverlayWriter,
} from '../../src/domain/overlay/store.ts';

/** Files by absolute path, as text; change `files` between two builds. */
export class MemoryFiles implements SourceFiles {
  files: Record<string, string>;
  /** What was read, in order. */
  readonly reads: string[] = [];

  constructor(files: Record<string, string>) {
    this.files = files;
  }

  /** As when a disk is not mounted. */
  gone = false;

  async folders(path: string): Promise<string[] | undefined> {
    if (this.gone) return undefined;
    const below = Object.keys(this.files).filter(name => name.startsWith(`${path}/`));
    return [...new Set(below.map(name => name.slice(path.length + 1).split('/')[0] ?? ''))].sort();
  }

  async read(path: string, limit: number): Promise<SourceFile> {
    this.reads.push(path);
    return { ...this.#find(path, limit), stamp: await this.stamp(path) };
  }

  async stamp(path: string): Promise<Stamp> {
    return JSON.stringify(this.files[path] ?? null);
  }

  #find(path: string, limit: number): FoundFile {
    const text = this.files[path];
    if (text === undefined) return { kind: 'missing', reason: 'does not exist' };
    if (text.length > limit) return { kind: 'unusable', reason: 'is too large' };
    return { kind: 'file', content: new TextEncoder().encode(text) };
  }
}

/** Parts and index in memory. `lost` makes the next read fail as if another build had swept the part away. */
export class MemoryOverlays implements OverlayStore {
  index: readonly OverlayRecord[] = [];
  readonly parts = new Map<string, Uint8Array>();
  commits = 0;
  lost = false;

  async records(): Promise<readonly OverlayRecord[]> {
    return this.index;
  }

  async read(name: string): Promise<Uint8Array> {
    const part = this.parts.get(name);
    if (!part || this.lost) {
      this.lost = false;
      throw new PxenError('FILE_MISSING', `${name}: cannot be read`);
    }
    return part;
  }

  async exclusive<T>(build: (writer: OverlayWriter) => Promise<T>): Promise<T> {
    return build({
      keep: async (name, make) => {
        const part = this.parts.get(name) ?? (await make());
        this.parts.set(name, part);
        return part.length;
      },
      commit: async records => {
        this.index = records;
        this.commits++;
      },
    });
  }
}

/** Members as readable text: one line an entry. */
export class TextPacker implements OverlayPacker {
  packed = 0;

  async digest(member: Member): Promise<string> {
    return createHash('sha256').update(textOf(member)).digest('hex');
  }

  async pack(member: Member): Promise<Uint8Array> {
    this.packed++;
    return new TextEncoder().encode(textOf(member));
  }
}

function textOf(member: Member): string {
  return member.entries
    .map(entry => {
      const body =
        entry.type === 'file' ? JSON.stringify(new TextDecoder().decode(entry.content)) : entry.type;
      return `${entry.path} ${body}\n`;
    })
    .join('');
}
