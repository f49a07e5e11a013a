// A small choice of emoji, by groups, with arrow keys within.
import { el } from './dom.js';
import { closePopup, openPopup } from './popup.js';
import { t } from './text.js';

const GROUPS = {
  emojiFaces: '😀 😃 😄 😁 😅 😂 🙂 🙃 😉 😊 😇 🥰 😍 😘 😋 😎 🤓 🤔 🤗 🤭 🤫 🙄 😏 😐 😴 😌 😢 😭 😤 😡 🤯 😱 😳 🥺 😬 🤷',
  emojiHands: '👍 👎 👌 🤞 🤝 👏 🙌 🙏 💪 👋 ✋ 👉 👇 ☝️ ✌️ 🫶',
  emojiHearts: '❤️ 🧡 💛 💚 💙 💜 🖤 💔 💯 ✨ ⭐ 🔥 🎉 🎊 🎁 🏆',
  emojiThings: '✅ ❌ ⚠️ ❓ ❗ ⏰ 📅 📌 📎 📄 📦 🚚 💶 💳 📞 📧 💡 🔧 🏠 🚗 ✈️ ☕ 🍕 🎂 ☀️ 🌧️ ❄️ 🌍',
};
const COLUMNS = 8;

/** Opens the choice above a button; `choose` gets the emoji. */
export function openEmoji(button, choose) {
  if (closePopup(button)) return;
  const buttons = [];
  const one = (emoji) => {
    const chosen = () => {
      close(false);
      choose(emoji);
    };
    const made = el('button', { type: 'button', tabindex: '-1', onclick: chosen }, emoji);
    buttons.push(made);
    return made;
  };
  const groups = Object.entries(GROUPS).map(([name, all]) =>
    el(
      'div',
      { role: 'group', 'aria-label': t(name) },
      el('h3', { 'aria-hidden': 'true' }, t(name)),
      el('div', { class: 'emoji-grid' }, all.split(' ').map(one)),
    ),
  );
  const box = el('div', { class: 'emoji-box', role: 'dialog', 'aria-label': t('emoji') }, groups);
  const close = openPopup(button, box, { parent: button.parentElement, items: buttons, columns: COLUMNS });
}
