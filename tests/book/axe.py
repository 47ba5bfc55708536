"""The rules of axe-core that every page is held to, and how to ask them quickly."""

from playwright.sync_api import Page

#: WCAG 2.2, levels A and AA, and what axe recommends or tries out beyond it. In the dark only
#: colours are different: the rules that look at them.
RULES = {
    "light": [
        *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"),
        *("best-practice", "experimental"),
    ],
    "dark": ["color-contrast", "link-in-text-block"],
}

_ONE_OF_EACH = """() => {
  const seen = new Set();
  const again = (element, ...context) => {
    const { color, backgroundColor } = getComputedStyle(element);
    const key = [element.className, color, backgroundColor, ...context].join('|');
    return seen.size === seen.add(key).size;
  };
  for (const token of document.querySelectorAll('.highlight pre span[class], dt.sig span[class]')) {
    const within = [token.parentElement.className, token.closest('.highlight, dt').className];
    if (again(token, ...within)) token.replaceWith(...token.childNodes);
  }
  for (const formula of document.querySelectorAll('.katex-html')) {
    if (again(formula, formula.closest('[class]:not(.math, .math *)').className)) formula.remove();
  }
  const rows = document.querySelectorAll('.d2l-numbers tbody tr:nth-child(n + 3)');
  rows.forEach(row => row.remove());
  return seen.size;
}"""


def one_of_each_look(page: Page) -> int:
    """Leave one span of each look in code, one formula, two rows of numbers; how many looks.

    A chapter has ten thousand elements, of some forty looks: axe measures the contrast of each.
    """
    return page.evaluate(_ONE_OF_EACH)
