// A list of any length of which only what is in sight is in the document. Rows have one height.

/** How many rows more than those in sight are kept, above and below. */
const MARGIN = 6;

export class VirtualList {
  /** `box` scrolls; `make(item, index)` gives a row, `key(item)` tells whether it is another; `end()` is called near the end. */
  constructor(box, { height, make, key, end }) {
    Object.assign(this, { box, height, make, key, end, items: [], rows: new Map() });
    this.field = document.createElement('div');
    this.field.className = 'field';
    this.field.role = 'presentation';
    box.append(this.field);
    box.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  show(items) {
    this.items = items;
    this.field.style.height = `${items.length * this.height}px`;
    this.draw();
  }

  /** Brings the row at `index` into sight. */
  reveal(index) {
    const top = index * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + this.height - this.box.clientHeight;
    this.draw();
  }

  draw() {
    const { scrollTop, clientHeight } = this.box;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - MARGIN);
    const last = Math.min(this.items.length, Math.ceil((scrollTop + clientHeight) / this.height) + MARGIN);
    const kept = new Map();
    let before = null;
    for (let index = first; index < last; index += 1) {
      const item = this.items[index];
      const key = this.key(item, index);
      let row = this.rows.get(key);
      if (!row) row = this.make(item, index);
      row.style.transform = `translateY(${index * this.height}px)`;
      kept.set(key, row);
      // In the order of the list, for who reads the document in its order.
      const next = before ? before.nextSibling : this.field.firstChild;
      if (next !== row) this.field.insertBefore(row, next);
      before = row;
    }
    for (const [key, row] of this.rows) if (kept.get(key) !== row) row.remove();
    this.rows = kept;
    if (this.items.length - last < MARGIN * 2) this.end?.();
  }
}
