import { placesUnder } from '../../domain/config/places.ts';
import { ApiTokenFile } from '../../io/keys/api-token.ts';
import { type Context, localRoot } from '../context.ts';

/** `mesh system token [--rotate]`: on host0 alone, for whoever may read its keys. A running pxend takes a new one at once. */
export async function systemToken(context: Context, options: { rotate: boolean }): Promise<number> {
  const file = new ApiTokenFile(placesUnder(localRoot(context)).keys);
  const token = options.rotate ? await file.rotate() : await file.make();
  if (context.json) context.terminal.json({ token });
  else context.terminal.print(token);
  return 0;
}
