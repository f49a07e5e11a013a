// Copying. A frame may not be let at the clipboard: what is to be copied is selected then, one keystroke away, or said.
import { toast } from './dialog.js';
import { t } from './text.js';

/** Copies `text`, which `shown` shows if anything does. Resolves to whether it is copied. */
export async function copy(text, shown = null) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('copied'));
    return true;
  } catch {
    if (shown) getSelection().selectAllChildren(shown);
    toast(shown ? t('copyByHand') : text);
    return false;
  }
}
