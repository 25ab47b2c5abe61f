import { PATHS } from '../../../api/paths.ts';
import { type RealmList, realmListSchema } from '../../../api/placement.ts';
import { type Context, control, unwrap } from '../../context.ts';

/** The rules that pxend decides by. */
export async function readInForce(context: Context): Promise<RealmList> {
  return unwrap(await control(context).get(PATHS.realms), realmListSchema);
}
