import { diagnosticsError } from '../../base/diagnostic.ts';
import type { CredentialStore, Credentials } from '../../domain/overlay/builtin.ts';
import type { LoadedLayer } from '../../domain/overlay/layer.ts';
import { listEntries, nodeView } from '../../domain/overlay/listing.ts';
import { withMark } from '../../domain/overlay/mark.ts';
import { splitMembers, type WholeMembers } from '../../domain/overlay/members.ts';
import type { SourceFiles } from '../../domain/overlay/source.ts';
import type { OverlayPacker, OverlayRecord, OverlayWriter } from '../../domain/overlay/store.ts';
import { type Compiled, compileBuiltIn, compileFolder, type Ingredients, isMachine } from './compile.ts';
import { ContentHashes, sha256 } from './hashes.ts';
import { loadMachineLayer, type MachineFolder } from './load.ts';
import { earlierOverlays } from './records.ts';
import { type Outcome, outcomeOf } from './report.ts';

export interface BuilderParts {
  readonly source: SourceFiles;
  readonly ingredients: Ingredients;
  readonly packer: OverlayPacker;
  readonly secrets: CredentialStore;
  readonly writer: OverlayWriter;
  /** The overlays that nodes say they run; undefined when nobody here knows. */
  readonly running: ReadonlySet<string> | undefined;
}

/** Stand in for a machine's secrets while nothing is to be written: the paths are the same, so are all problems. */
export const NO_CREDENTIALS: Credentials = { hostKeyPrivate: '', hostKeyPublic: '', token: '' };

/** Makes the overlays of one build. What many of them share is worked out once. */
export class Builder {
  readonly #p: BuilderParts;
  readonly #hashes = new ContentHashes();
  readonly #whole: WholeMembers = new WeakMap();

  constructor(parts: BuilderParts) {
    this.#p = parts;
  }

  /** The overlay of one folder, and the layer that it was made of; with problems `last` stays. */
  async folder(
    folder: MachineFolder,
    last: OverlayRecord | undefined,
  ): Promise<{ outcome: Outcome; layer: LoadedLayer | undefined }> {
    if (folder.skip) return { outcome: outcomeOf(folder, 'skipped', last), layer: undefined };
    const { ingredients, secrets, source } = this.#p;
    const layer = await loadMachineLayer(source, folder.folder);
    const draft = compileFolder(folder, layer, ingredients, NO_CREDENTIALS);
    if (draft.problems.length > 0 || !folder.owner)
      return { outcome: outcomeOf(folder, 'refused', last, draft.problems), layer };
    const compiled = isMachine(folder.owner)
      ? compileFolder(folder, layer, ingredients, await secrets.credentials(folder.owner))
      : draft;
    const record = await this.#pack(compiled, { folder: folder.folder, owner: folder.owner }, last);
    const same = last?.planHash === record.planHash && last.owner === record.owner;
    return { outcome: outcomeOf(folder, same ? 'unchanged' : 'built', record), layer };
  }

  async builtIn(last: OverlayRecord | undefined): Promise<OverlayRecord> {
    const { base, site } = this.#p.ingredients;
    const compiled = compileBuiltIn(base, site);
    if (compiled.problems.length > 0) {
      throw diagnosticsError(
        'MANIFEST_INVALID',
        'The base overlay that comes with pxen is broken',
        compiled.problems,
      );
    }
    return this.#pack(compiled, { owner: 'default' }, last);
  }

  async #pack(
    { layers, plan }: Compiled,
    whose: Pick<OverlayRecord, 'folder' | 'owner'>,
    last: OverlayRecord | undefined,
  ): Promise<OverlayRecord> {
    for (const layer of layers) await this.#hashes.prepare(layer);
    const hash = (content: Uint8Array): string => this.#hashes.of(content);
    const content = sha256(nodeView(listEntries(plan.entries, hash)));
    const entries = withMark(plan.entries, content);
    const members = await this.#members(layers, entries);
    const text = JSON.stringify(listEntries(entries, hash));
    const listing = `${sha256(text)}.json`;
    await this.#p.writer.keep(listing, async () => new TextEncoder().encode(text));
    const earlier = earlierOverlays({ owner: whose.owner, content, last, running: this.#p.running });
    return { ...whose, ...members, content, listing, earlier };
  }

  async #members(
    layers: Compiled['layers'],
    entries: Compiled['plan']['entries'],
  ): Promise<Pick<OverlayRecord, 'planHash' | 'members' | 'size'>> {
    const { packer, writer } = this.#p;
    const hashes: string[] = [];
    let size = 0;
    for (const member of splitMembers(layers, entries, this.#whole)) {
      const name = await packer.digest(member);
      hashes.push(name);
      size += await writer.keep(`${name}.gz`, () => packer.pack(member));
    }
    return { planHash: sha256(hashes.join('\n')), members: hashes.map(name => `${name}.gz`), size };
  }
}
