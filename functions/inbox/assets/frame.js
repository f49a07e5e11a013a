// Pipedrive around the page: its frame, its theme, its token. Without a frame, the page stands alone.
/* global AppExtensionsSDK */
const query = new URLSearchParams(location.search);

/** What Pipedrive wrote into the address of the iframe. None of it is believed but by way of the token. */
export const opened = {
  id: query.get('id'),
  token: query.get('token'),
  company: query.get('companyId'),
  user: query.get('userId'),
  resource: query.get('resource'),
  selected: query.get('selectedIds'),
  installed: query.has('installed'),
};

let sdk = null;
const visibility = new Set();

function applyTheme(theme) {
  if (['dark', 'light'].includes(theme)) document.documentElement.dataset.theme = theme;
}

applyTheme(query.get('theme'));

// The token is out of the address before anything else is asked for.
const clean = new URL(location.href);
for (const name of ['token', 'installed']) clean.searchParams.delete(name);
history.replaceState(null, '', clean);

/** Greets Pipedrive, which shows the frame only then. Resolves to whether there is one. */
export async function greet(size) {
  if (!opened.id || parent === window) return false;
  const made = new AppExtensionsSDK({ identifier: opened.id });
  await made.initialize(size ? { size } : {});
  sdk = made;
  sdk.listen('user_settings_change', ({ data }) => applyTheme(data?.theme));
  sdk.listen('visibility', ({ data }) => {
    if (data) for (const listener of visibility) listener(data);
  });
  return true;
}

/** A command to Pipedrive. Whether there is a frame that did it. */
export async function command(name, args) {
  if (!sdk) return false;
  try {
    await sdk.execute(name, args);
    return true;
  } catch {
    return false;
  }
}

/** A fresh token, once the one in the address is used up. */
export async function signedToken() {
  if (!sdk) return null;
  return (await sdk.execute('get_signed_token'))?.token ?? null;
}

export const inFrame = () => sdk !== null;

/** Calls `listener` when Pipedrive shows or hides the window. */
export const onVisibility = (listener) => visibility.add(listener);
