/** A streaming completion over HTTP: when its first text came, and how many tokens it had. */
export async function httpStream(url, body) {
  const started = performance.now();
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  let [first, tokens, rest] = [0, 0, ''];
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    first ||= performance.now() - started;
    rest += decoder.decode(bytes, { stream: true });
    // What it costs to look at every event is the client's, not the server's: only the usage is parsed.
    const end = rest.lastIndexOf('\n\n');
    const usage = /"completion_tokens":\s*(\d+)/.exec(rest);
    if (usage) tokens = Number(usage[1]);
    rest = end < 0 ? rest : rest.slice(end + 2);
  }
  return { firstTokenMs: first, tokens };
}
