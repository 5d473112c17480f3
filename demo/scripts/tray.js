// The cases as buttons: choosing one, its time in the visitor's zone, and forgetting it in time.
let pressed = null;

element.addEventListener('click', event => {
  const button = event.target.closest('button[data-number]');
  if (!button) return;
  pressed = button.dataset.number;
  trigger('select', {number: Number(pressed)});
});

watch('value', () => {
  for (const time of element.querySelectorAll('time')) {
    const local = new Date(time.dateTime);
    time.textContent = local.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'});
  }
  // The buttons are new ones: the keyboard would begin at the top of the page again.
  if (pressed && document.activeElement === document.body)
    element.querySelector(`button[data-number="${pressed}"]`)?.focus();
});

setInterval(() => {
  for (const case_ of document.querySelectorAll('[data-expires]'))
    if (Date.now() / 1000 > Number(case_.dataset.expires)) case_.remove();
}, 30000);
