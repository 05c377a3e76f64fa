/** The page: each part is a module of its own, this one puts them together. */
import { createActivity } from './activity.js';
import { getJson } from './api.js';
import { startChat } from './chat.js';
import { announce, byId } from './dom.js';
import { showEmotions } from './emotions.js';
import { changeKey } from './key.js';
import { follow } from './live.js';
import { showRouting } from './routing.js';
import { showStock } from './stock.js';

/** @import { LiveState, Served } from './api-types.js' */

/** Files of a release change with it, and with a deployment elsewhere. */
const STOCK_MS = 15_000;

const activity = createActivity();
/** @type {string | null | undefined} */
let release;

/** @param {Served} served */
function onServed(served) {
  if (release !== undefined && release !== served.release) announce(`Release ${served.release ?? ''} answers now.`);
  release = served.release;
  activity.serve(served);
}
const stock = () => showStock(onServed);

/** @param {LiveState} state */
function showCounts(state) {
  showRouting(state.domains);
  showEmotions(state);
}

startChat(() => void getJson('api/live').then((state) => showCounts(/** @type {LiveState} */ (state)), () => undefined));
byId('change-key').addEventListener('click', () => void changeKey());
setInterval(() => void stock(), STOCK_MS);
void follow((state) => {
  activity.begin(state);
  showCounts(state);
}, activity.add, () => void stock());
