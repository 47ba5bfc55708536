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
  for (const token of document.querySelectorAll('.highlight pre span[class]')) {
    const style = getComputedStyle(token);
    const parents = token.parentElement.className + '|' + token.closest('.highlight').className;
    const key = [token.className, parents, style.color, style.backgroundColor].join('|');
    if (seen.has(key)) token.replaceWith(...token.childNodes);
    else seen.add(key);
  }
  return seen.size;
}"""


def one_of_each_token(page: Page) -> int:
    """Leave one span of each look in highlighted code; how many there are.

    A chapter has eight thousand, of some twenty looks: axe measures the contrast of each.
    """
    return page.evaluate(_ONE_OF_EACH)
