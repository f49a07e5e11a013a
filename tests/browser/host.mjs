// A host of Pipedrive's App Extensions SDK at an address of its own, written from Pipedrive's description alone ("Custom UI
// extensions", "Custom floating window", the SDK's README) and with nothing of the simulator in `local`: messages with a port,
// one answer to a command, any number to a listener, tokens that it signs itself.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

const PAGE = `<!doctype html><meta charset="utf-8"><title>A host</title><link rel="icon" href="data:,"><script>
  window.log = [];
  window.listeners = {};
  window.answers = {};
  window.held = {};
  addEventListener('message', async ({ data, source, ports }) => {
    if (source !== document.querySelector('iframe').contentWindow || data?.id !== new URLSearchParams(location.search).get('id')) return;
    const { type, command, event, args } = data.payload;
    log.push({ type, name: command ?? event, args, ports: ports.length });
    if (type === 'listener') (listeners[event] ??= []).push(ports[0]);
    if (type !== 'command') return;
    if (held[command]) await held[command];
    const answer = command === 'get_signed_token' ? { data: { token: await sign() } } : answers[command] ?? { data: null };
    ports[0].postMessage(answer);
  });
  window.emit = (event, data) => (listeners[event] ?? []).forEach((port) => port.postMessage({ data }));
</script><iframe title="App" style="width: 780px; height: 600px"></iframe>`;

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as Pipedrive signs one: HS256 with the app's secret, five minutes. */
export function token(claims, secret = process.env.CLIENT_SECRET, header = { alg: 'HS256', typ: 'JWT' }) {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part(header)}.${part({ iat: now, exp: now + 300, ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** Serves the host. Its page needs a function `sign` for the tokens that are asked for. */
export async function startHost() {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(PAGE);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
