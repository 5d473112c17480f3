// A press on a lesion, a dragged box or four numbers frame something else in the photograph.
const CLICK = 6;  // pixels; who moves less has not dragged
let drag = null, pressed = -1;

const targets = () => [...element.querySelectorAll('.lesions [data-box]')];

// The fields have changed since: an answer for the earlier ones would pass for one for these.
const frame = box => element.querySelector('.answer.old') || trigger('select', {box});

function press(target) {
  pressed = targets().indexOf(target);
  frame(JSON.parse(target.dataset.box));
}

// In pixels of the photograph.
function place(svg, event) {
  const {width, height} = svg.viewBox.baseVal;
  const here = new DOMPoint(event.clientX, event.clientY);
  const {x, y} = here.matrixTransform(svg.getScreenCTM().inverse());
  const inside = (value, most) => Math.min(Math.max(value, 0), most);
  return [inside(x, width), inside(y, height)];
}

function boxTo(event) {
  const [x, y] = place(drag.svg, event), [fromX, fromY] = drag.from;
  return [Math.min(x, fromX), Math.min(y, fromY), Math.max(x, fromX), Math.max(y, fromY)];
}

function draw(box) {
  const [x0, y0, x1, y1] = box ?? [];
  for (const path of element.querySelectorAll('.dragged'))
    path.setAttribute('d', box ? `M${x0} ${y0}H${x1}V${y1}H${x0}Z` : '');
}

function cancel() {
  drag = null;
  draw(null);
}

element.addEventListener('pointerdown', event => {
  const svg = event.target.closest('.lesions svg');
  if (!svg || event.button || !event.isPrimary) return cancel();
  // The capture takes the target from the events that follow.
  drag = {svg, from: place(svg, event), at: event, target: event.target.closest('[data-box]')};
  svg.setPointerCapture(event.pointerId);
});
element.addEventListener('pointermove', event => {
  if (!drag || event.pointerId !== drag.at.pointerId) return;
  drag.far ||= Math.hypot(event.clientX - drag.at.clientX, event.clientY - drag.at.clientY) > CLICK;
  if (drag.far) draw(boxTo(event));
});
element.addEventListener('pointerup', event => {
  if (!drag || event.pointerId !== drag.at.pointerId) return;
  const {far, target} = drag, box = boxTo(event);
  cancel();
  if (far) frame(box);
  else if (target) press(target);
});
element.addEventListener('pointercancel', cancel);
document.addEventListener('keydown', event => event.key === 'Escape' && cancel());

element.addEventListener('click', event => {
  const button = event.target.closest('.lesions button[data-box]');
  if (button) press(button);
});
element.addEventListener('keydown', event => {
  const target = event.target.closest('.lesions g[data-box]');
  if (!target || !['Enter', ' '].includes(event.key)) return;
  event.preventDefault();
  press(target);
});
element.addEventListener('submit', event => {
  event.preventDefault();
  pressed = targets().length;
  frame([...event.target.querySelectorAll('input')].map(input => Number(input.value)));
});

// The lesions are new ones: the keyboard would begin at the top of the page again.
watch('value', () => {
  drag = null;
  if (pressed >= 0 && document.activeElement === document.body)
    (targets()[pressed] ?? element.querySelector('.lesions summary'))?.focus();
  pressed = -1;
});
