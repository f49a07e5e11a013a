// Files on their way into a message: picked, pasted or dropped, uploaded at once and straight to the bucket, sent with the
// message.
import { api } from './api.js';
import { el } from './dom.js';
import { size } from './format.js';
import { icon } from './icons.js';
import { t } from './text.js';

const MOST = 10;
const LARGEST = 25 * 1024 * 1024;
const ALL = 50 * 1024 * 1024;

export class Uploads {
  /** Shows them in `box`; `changed()` is called when one is done, gone or failed, `refused(text)` when one is not taken. */
  constructor(box, { changed, refused }) {
    Object.assign(this, { box, changed, refused, files: [] });
  }

  get isEmpty() {
    return this.files.length === 0;
  }

  get isReady() {
    return this.files.every((file) => file.id);
  }

  add(list) {
    for (const file of list) {
      const bytes = this.files.reduce((sum, one) => sum + one.size, file.size);
      if (this.files.length >= MOST) return this.refused(t('tooManyFiles', { n: MOST }));
      if (file.size === 0) this.refused(t('emptyFile', { name: file.name }));
      else if (file.size > LARGEST || bytes > ALL) this.refused(t('tooLarge', { name: file.name, one: size(LARGEST), all: size(ALL) }));
      else this.begin(file);
    }
    return undefined;
  }

  begin(file) {
    const entry = { name: file.name || t('unnamedFile'), size: file.size, id: null, request: null };
    entry.progress = el('progress', { max: '100', value: '0', 'aria-label': t('uploading', { name: entry.name }) });
    entry.about = el('span', { class: 'chip-about' }, size(file.size));
    const isPicture = /^image\/(png|jpeg|gif|webp)$/.test(file.type);
    const address = isPicture ? URL.createObjectURL(file) : null;
    entry.done = () => address && URL.revokeObjectURL(address);
    entry.element = el(
      'li',
      { class: 'chip' },
      address ? el('img', { src: address, alt: '' }) : icon('document'),
      el('span', { class: 'chip-text' }, el('span', { class: 'chip-name' }, entry.name), entry.about, entry.progress),
      el('button', { type: 'button', class: 'icon-button', 'aria-label': t('removeFile', { name: entry.name }), onclick: () => this.remove(entry) }, icon('close', 16)),
    );
    this.files.push(entry);
    this.box.append(entry.element);
    this.upload(entry, file).catch((error) => {
      entry.element.classList.add('bad');
      entry.about.textContent = error.message;
      entry.progress.hidden = true;
      this.changed();
    });
    this.changed();
  }

  async upload(entry, file) {
    const ticket = await api('POST', '/inbox/api/uploads', { type: file.type, size: file.size });
    await new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      entry.request = request;
      request.open('PUT', ticket.url);
      request.setRequestHeader('Content-Type', ticket.type);
      request.upload.addEventListener('progress', ({ loaded, total }) => {
        entry.progress.value = String(Math.round((loaded / total) * 100));
      });
      request.addEventListener('load', () => (request.status < 300 ? resolve() : reject(new Error(t('uploadFailed')))));
      request.addEventListener('error', () => reject(new Error(t('uploadFailed'))));
      request.send(file);
    });
    entry.id = ticket.id;
    entry.progress.hidden = true;
    entry.element.classList.add('done');
    this.changed();
  }

  remove(entry) {
    entry.request?.abort();
    entry.done();
    entry.element.remove();
    this.files = this.files.filter((one) => one !== entry);
    this.changed();
  }

  /** Lets go of those that were sent. */
  drop(sent) {
    for (const entry of sent) this.remove(entry);
  }
}
