import { quote } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { judgeSource } from '../../domain/volume/judge.ts';
import { headOf } from '../../io/files/head.ts';
import type { Accept } from '../../io/files/part.ts';
import type { Limits } from '../../io/files/space.ts';
import type { Images } from './images.ts';
import { shownSource, type Wanted } from './wanted.ts';

export interface IntakeMeans {
  readonly images: Pick<Images, 'convert'>;
  readonly limits: Limits;
  /** Where a raw disk grows until it is whole. */
  readonly draft: string;
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
    if ((await inspect(file, volume)) === 'convert') {
      const { draft, images, limits } = this.#means;
      const how = { from: file, to: file, draft, format: 'qcow2', what: shownSource(volume.source) } as const;
      await images.convert({ ...how, limits, signal, onProgress: progress });
      this.converted = true;
    }
    await place();
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
