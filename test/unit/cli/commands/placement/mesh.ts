import { meshUnder, type Ran } from '../../mesh.ts';

/** A placement command as the shell would run it; messages come without the folder's name. */
export async function meshIn(folder: string, argv: readonly string[]): Promise<Ran> {
  const ran = await meshUnder('/', ...argv);
  return { ...ran, err: ran.err.replaceAll(`${folder}/`, '') };
}
