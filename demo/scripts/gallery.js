// The gallery of examples: a click or arrow keys choose one.
element.addEventListener('click', event => {
  const chosen = event.target.closest('button[data-number]');
  if (chosen) trigger('select', {number: Number(chosen.dataset.number)});
});
// One stop for Tab, inside which arrow keys move.
element.addEventListener('keydown', event => {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  const buttons = [...element.querySelectorAll('button[data-number]')];
  const here = buttons.indexOf(event.target);
  if (!step || here < 0) return;
  event.preventDefault();
  const next = buttons[(here + step + buttons.length) % buttons.length];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
});
