// The template picker: a list to choose from, then the gaps, filled as far as the customer's record says.
import { api } from './api.js';
import { openDialog } from './dialog.js';
import { el } from './dom.js';
import { t } from './text.js';

/** What a gap of that name most likely takes. */
function guess(gap, row, record) {
  const name = record?.person?.name ?? row.name;
  const [first, ...rest] = name.split(/\s+/);
  const deal = record?.deal?.name;
  const known = {
    name,
    customer_name: name,
    full_name: name,
    first_name: first,
    customer_first_name: first,
    last_name: rest.join(' '),
    phone: row.phone,
    email: row.email,
    deal,
    deal_title: deal,
  };
  if (gap === '1') return first;
  return known[gap.toLowerCase()] ?? '';
}

function filled(content, values) {
  let position = -1;
  return content.split(/(\{\{\s*\w{1,64}\s*\}\})/).map((piece) => {
    if (!piece.startsWith('{{')) return piece;
    position += 1;
    const value = values[position]?.trim();
    return el('mark', { class: value ? 'filled' : 'gap' }, value || piece.replace(/[{}\s]/g, ''));
  });
}

function list(templates, choose) {
  const rows = el('ul', { class: 'choices' });
  const none = el('p', { class: 'help', hidden: true }, t('noTemplateFound'));
  const show = (text) => {
    const wanted = text.trim().toLowerCase();
    const found = templates.filter(({ name, content, language }) => `${name} ${content} ${language}`.toLowerCase().includes(wanted));
    none.hidden = found.length > 0;
    rows.replaceChildren(
      ...found.map((template) =>
        el(
          'li',
          {},
          el(
            'button',
            { type: 'button', class: 'choice', onclick: () => choose(template) },
            el('span', { class: 'choice-head' }, el('strong', {}, template.name), el('span', { class: 'tag' }, template.language)),
            el('span', { class: 'choice-text' }, template.content),
          ),
        ),
      ),
    );
  };
  show('');
  const search = el('input', { type: 'search', class: 'input', placeholder: t('searchTemplates'), 'aria-label': t('searchTemplates'), oninput: (event) => show(event.target.value) });
  return el('div', { class: 'dialog-body' }, templates.length > 6 && search, none, rows);
}

function form(template, { row, record }, { back, send }) {
  const values = template.gaps.map((gap) => guess(gap, row, record));
  const preview = el('div', { class: 'preview' }, filled(template.content, values));
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const submit = el('button', { type: 'submit', class: 'button' }, t('sendTemplate'));
  const fields = template.gaps.map((gap, position) =>
    el(
      'label',
      { class: 'field-label' },
      el('span', {}, /^\d+$/.test(gap) ? t('gapNumber', { n: gap }) : gap.replaceAll('_', ' ')),
      el('input', {
        class: 'input',
        required: true,
        maxlength: '1024',
        autocomplete: 'off',
        value: values[position],
        oninput: (event) => {
          values[position] = event.target.value;
          preview.replaceChildren(...filled(template.content, values));
        },
      }),
    ),
  );
  return el(
    'form',
    {
      class: 'dialog-body',
      onsubmit: async (event) => {
        event.preventDefault();
        submit.disabled = true;
        problem.hidden = true;
        try {
          await send({ id: template.id, values });
        } catch (error) {
          problem.textContent = error.message;
          problem.hidden = false;
          submit.disabled = false;
        }
      },
    },
    el('p', { class: 'choice-head' }, el('strong', {}, template.name), el('span', { class: 'tag' }, template.language)),
    fields,
    el('p', { class: 'help' }, t('preview')),
    preview,
    problem,
    el('div', { class: 'dialog-actions' }, el('button', { type: 'button', class: 'button plain', onclick: back }, t('back')), submit),
  );
}

/** Lets a template be chosen and filled, and has it sent. */
export async function chooseTemplate(row, send) {
  const body = el('div', { 'aria-busy': 'true' }, el('p', { class: 'dialog-body help' }, t('loading')));
  const dialog = openDialog(t('templates'), body);
  try {
    const [templates, record] = await Promise.all([
      api('GET', `/inbox/api/channels/${encodeURIComponent(row.channel)}/templates`),
      // Without it, the gaps are filled with what the provider tells.
      api('GET', `/inbox/api/conversations/${encodeURIComponent(row.id)}/record`).catch(() => null),
    ]);
    const show = (content) => {
      body.replaceChildren(content);
      content.querySelector('input, .choice, button')?.focus();
    };
    const choose = (template) =>
      show(
        form(template, { row, record }, {
          back: () => show(list(templates, choose)),
          send: async (chosen) => {
            await send(chosen);
            dialog.close();
          },
        }),
      );
    show(templates.length > 0 ? list(templates, choose) : el('p', { class: 'dialog-body help' }, t('noTemplates')));
  } catch (error) {
    body.replaceChildren(el('p', { class: 'dialog-body error', role: 'alert' }, error.message));
  } finally {
    body.removeAttribute('aria-busy');
  }
}
