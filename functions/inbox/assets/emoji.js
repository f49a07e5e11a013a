// A small choice of emoji, by groups, with arrow keys within.
import { el } from './dom.js';
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
  const close = (focus) => {
    box.remove();
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    if (focus) button.focus();
  };
  const outside = (event) => {
    if (!box.contains(event.target)) close(false);
  };
  const buttons = [];
  const groups = Object.entries(GROUPS).map(([name, all]) =>
    el(
      'div',
      { role: 'group', 'aria-label': t(name) },
      el('h3', { 'aria-hidden': 'true' }, t(name)),
      el(
        'div',
        { class: 'emoji-grid' },
        all.split(' ').map((emoji) => {
          const made = el(
            'button',
            {
              type: 'button',
              tabindex: '-1',
              onclick: () => {
                close(false);
                choose(emoji);
              },
            },
            emoji,
          );
          buttons.push(made);
          return made;
        }),
      ),
    ),
  );
  const box = el('div', { class: 'emoji-box', role: 'dialog', 'aria-label': t('emoji') }, groups);
  box.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + COLUMNS, ArrowUp: at - COLUMNS, Home: 0, End: buttons.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      buttons[Math.min(buttons.length - 1, Math.max(0, to))].focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      event.stopPropagation();
      close(true);
    }
  });
  button.parentElement.append(box);
  button.setAttribute('aria-expanded', 'true');
  document.addEventListener('pointerdown', outside, true);
  buttons[0].focus();
}
