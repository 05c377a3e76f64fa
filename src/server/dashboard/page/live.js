/** Follows the server's seconds, and begins again when the connection was lost. */
import { getJson, ask } from './api.js';
import { byId } from './dom.js';
import { readEvents } from './events.js';

/** @import { LiveSecond, LiveState } from './api-types.js' */

const AGAIN_MS = 2000;
/** Counts change slowly: they are asked for every so many seconds of the stream. */
const REFRESH = 10;

/** @param {'live' | 'lost'} state @param {string} text */
function show(state, text) {
  byId('status').dataset.state = state;
  const shown = byId('status-text');
  if (shown.textContent !== text) shown.textContent = text;
}

/**
 * Never ends.
 * @param {(state: LiveState) => void} onState the past and the counts
 * @param {(second: LiveSecond) => void} onSecond
 * @param {() => void} onConnect
 */
export async function follow(onState, onSecond, onConnect) {
  for (;;) {
    try {
      onState(await getJson('api/live'));
      let since = 0;
      for await (const second of /** @type {AsyncGenerator<LiveSecond>} */ (readEvents(await ask('api/live/events')))) {
        if (since === 0) {
          show('live', 'Live');
          onConnect();
        }
        onSecond(second);
        since += 1;
        if (since % REFRESH === 0) onState(await getJson('api/live'));
      }
      show('lost', 'The server has ended');
    } catch (error) {
      show('lost', error instanceof TypeError ? 'No connection' : /** @type {Error} */ (error).message);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
