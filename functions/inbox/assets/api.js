// Calls of the bundle's API. The token that Pipedrive signed buys a session, which is kept in this module alone and renewed
// before it ends; nothing of it is stored.
import { opened, signedToken } from './frame.js';
import { t } from './text.js';

/** A session is renewed so long before it ends. */
const EARLY_MS = 60_000;

let session = null;
let until = 0;
let opening = null;

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, body, bearer, beside) {
  const headers = {};
  if (body) headers['Content-Type'] = 'application/json';
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new ApiError(0, 'NO_CONNECTION', t('noConnection'));
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, answer.data?.code, answer.data?.message ?? t('failed'));
  beside?.(answer.additional_data);
  return answer.data;
}

async function exchange(token) {
  const claimed = (text) => (/^\d+$/.test(text ?? '') ? Number(text) : undefined);
  const made = await call('POST', '/session', { token, company: claimed(opened.company), user: claimed(opened.user) });
  session = made.token;
  until = Date.now() + made.expires_in * 1000;
}

/** Opens a session with the token of the address, or a fresh one. Calls at the same time share one. */
export function openSession() {
  opening ??= (async () => {
    try {
      let token = opened.token;
      opened.token = null;
      token ??= await signedToken();
      if (!token) throw new ApiError(401, 'UNAUTHORIZED', t('notInPipedrive'));
      await exchange(token);
    } finally {
      opening = null;
    }
  })();
  return opening;
}

/** A call with the session; with a new one if it has ended. `beside` gets what stands beside the answer's data. */
export async function api(method, path, body, beside) {
  if (!session || Date.now() > until - EARLY_MS) await openSession();
  try {
    return await call(method, path, body, session, beside);
  } catch (error) {
    if (error.status !== 401 || error.code !== 'UNAUTHORIZED') throw error;
    await openSession();
    return call(method, path, body, session, beside);
  }
}

/** A path with its query; what is empty is left out. */
export function withQuery(path, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== ''));
  return `${path}?${query}`;
}
