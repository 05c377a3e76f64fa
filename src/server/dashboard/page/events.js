/** Reads server-sent events off a response: fetch can send a key, EventSource cannot. */

/**
 * The object of each event, until the end mark. Throws where the server tells of an error.
 * @template T
 * @param {Response} response
 * @returns {AsyncGenerator<T>}
 */
export async function* readEvents(response) {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = event.startsWith('data: ') ? event.slice(6) : '';
        if (data === '[DONE]') return;
        if (data === '') continue;
        const read = JSON.parse(data);
        if (read.error) throw new Error(read.error.message);
        yield read;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
