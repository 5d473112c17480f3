// Gradio gives every option of a choice a name of its own, so that arrow keys do not move among them,
// and the group none that is read out.
function nameGroups() {
  for (const [number, group] of document.querySelectorAll('fieldset:has([type=radio])').entries()) {
    const said = group.querySelector('[data-testid=block-info]')?.textContent.trim();
    if (said && group.getAttribute('aria-label') !== said) group.setAttribute('aria-label', said);
    group.setAttribute('role', 'radiogroup');
    for (const option of group.querySelectorAll('[type=radio]')) {
      const name = `choice-${group.id}-${number}`;
      if (option.name !== name) option.name = name;
    }
  }
}

// Gradio names an option anew when it is chosen.
const changes = {childList: true, subtree: true, attributeFilter: ['name']};
new MutationObserver(nameGroups).observe(document.documentElement, changes);

document.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || !event.target.matches('.number input')) return;
  const buttons = [...document.querySelectorAll('#predict')];
  buttons.find(button => button.offsetParent)?.click();
});
