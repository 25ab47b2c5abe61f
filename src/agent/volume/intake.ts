import { quote } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { judgeSource } from '../../domain/volume/judge.ts';
import { headOf } from '../../io/files/head.ts';
import { type Accept, convertedPath } from '../../io/files/part.ts';
import type { Limits } from '../../io/files/space.ts';
import type { Images } from './images.ts';
import { shownSource, type Wanted } from './wanted.ts';

export interface IntakeMeans {
  readonly images: Pick<Images, 'convert'>;
  /** Of a raw disk that grows beside the file that it is made of. */
  readonly limits: () => Promise<Limits>;
  /** Where the volume is to be. */
  readonly to: string;
}

/** Looks at a file before it gets the name of a volume: nothing of the wrong kind does, and what has another format is converted. */
export class Intake {
  readonly #wanted: Wanted;
  readonly #means: IntakeMeans;
  /** It was a qcow2 image, and is a raw disk now. */
  converted = false;

  constructor(wanted: Wanted, means: IntakeMeans) {
    this.#wanted = wanted;
    this.#means = means;
  }

  readonly accept: Accept = async (file, place) => {
    const { progress, signal, volume } = this.#wanted;
    if ((await inspect(file, volume)) === 'take') return place();
    // It never takes the place of the file: what is known of that one, to go on with it, would count for a raw disk.
    const { images, limits, to } = this.#means;
    const how = { from: file, to, draft: convertedPath(to), format: 'qcow2' } as const;
    const what = shownSource(volume.source);
    await images.convert({ ...how, what, limits: await limits(), signal, onProgress: progress });
    this.converted = true;
  };
}

/** What a guest has in a raw disk that was made of an image is its own business. */
export async function inspect(
  file: string,
  volume: Wanted['volume'],
  converted = false,
): Promise<'take' | 'convert'> {
  const verdict = converted ? 'take' : judgeSource(volume, await headOf(file));
  if (typeof verdict === 'string') return verdict;
  const key = `platform.volume.${volume.id}.source`;
  throw new PxenError('WORKLOAD_INVALID', `${key}: ${quote(shownSource(volume.source))} ${verdict.refused}`);
}
