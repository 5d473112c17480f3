// A region that is there before its text, which is what screen readers speak of at once.
const region = document.createElement('div');
region.id = 'announced';
region.className = 'sr-only';
region.setAttribute('role', 'status');
let spoken = null;

function announce() {
  if (!region.isConnected) document.querySelector('main')?.append(region);
  const answer = [...document.querySelectorAll('#result .answer')].find(one => one.offsetParent);
  if (answer === spoken) return;
  spoken = answer;
  const said = answer?.querySelectorAll('.warning:not([hidden]), .headline, .malignancy, .melanoma');
  region.textContent = [...(said ?? [])].map(part => part.innerText).join(' ');
}

new MutationObserver(announce).observe(document.documentElement, {childList: true, subtree: true});
